"""What a key will be after the next boot, against what is wanted of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from tunekit import catalog
from tunekit.check.model import Status
from tunekit.errors import InvalidValue
from tunekit.files.boot import Boot
from tunekit.files.model import Assignment
from tunekit.profile.evaluate import value_of
from tunekit.profile.model import Requirement
from tunekit.profile.requirement import all_met
from tunekit.records import dataclass
from tunekit.values import SysctlKey, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """A key after the next boot.

    `value` is None where it cannot be told. `winner` is the line that decides it, None when no
    file does: then it is the kernel's own default. `status` compares it with what is wanted, and
    `reason` says why.
    """

    key: SysctlKey
    value: str | None
    winner: Assignment | None
    status: Status
    reason: str


def meets(name: str, text: str | None, requirements: Sequence[Requirement]) -> bool | None:
    """Tell whether a value meets requirements, None where there is no value to tell it by."""
    if text is None:
        return None
    try:
        return all_met(value_of(name, text), requirements, catalog.find(name))
    except InvalidValue:
        return False


def prospect(
    key: SysctlKey,
    boot: Boot,
    *,
    requirements: Sequence[Requirement] = (),
    prefer: Sequence[str] = (),
    default: str | None = None,
) -> Prospect:
    """Judge what boot will make of a key.

    `prefer` are values any of which will do, instead of requirements; `default` is what the
    kernel gives the key by itself, where that is known.
    """
    winner = boot.winner(key)
    value = boot.value(key, default)
    met = meets(str(key), value, requirements)
    if prefer and value is not None:
        met = value in prefer
    by = winner.place if winner else ""
    if boot.unread and met is not False:
        status, reason = Status.UNKNOWN, str(boot.unread[0])
    elif met:
        status, reason = Status.PASS, by or "it is the kernel's default"
    elif met is False:
        status, reason = Status.FAIL, by or "no file sets it, and the kernel's default does not do"
    elif winner is not None:
        later = winner.computed or winner.only is not None
        what = "works it out when it starts" if later else "leaves out some of its fields"
        status, reason = Status.UNKNOWN, f"{winner.origin} {what}"
    else:
        status, reason = Status.UNKNOWN, "no file sets it, so that the kernel's default comes back"
    return Prospect(key=key, value=value, winner=winner, status=status, reason=reason)


def in_words(requirements: Sequence[Requirement], prefer: Sequence[str] = ()) -> str:
    """What is wanted, in words."""
    if prefer:
        return "first of " + ", ".join(prefer)
    return "; ".join(map(str, requirements))


def same(name: str, one: str | None, other: str | None) -> bool:
    """Tell whether two texts of a key are one value."""
    if one is None or other is None:
        return one == other
    try:
        return value_of(name, one) == value_of(name, other)
    except InvalidValue:
        return Text(one) == Text(other)
