"""Judge a wanted value by what is known of its key, before anything is written.

Pure functions. A profile's requirement lives on a higher floor, so its parts come in as they are:
the numbers, ports or text, and whether it says `at_least` or `at_most`.
"""

from __future__ import annotations

from enum import Enum
from itertools import pairwise

from tunekit.catalog.model import Direction, Field, Tier, Tunable
from tunekit.records import dataclass
from tunekit.values import Kind, Numbers, Ports, SysctlKey, SysctlValue, Text

Wanted = tuple[int | None, ...] | Ports | Text
"""As in a profile's requirement: one number a field, None for a field that is left alone."""


class Severity(Enum):
    """Whether a problem stops the profile."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with a wanted value, and what to do about it."""

    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR


def problems(
    tunable: Tunable, wanted: Wanted, *, directed: bool = False, sized: bool = False
) -> list[Problem]:
    """Return everything that is wrong with a wanted value, errors and warnings.

    `directed` says that the requirement is `at_least` or `at_most`; `sized` that the profile
    wrote a byte suffix such as 4MiB. An empty list means that a kernel that has the key will take
    the value, unless it is narrower than any known.
    """
    if tunable.tier is Tier.READ_ONLY:
        return [
            Problem(
                message="the kernel reports this value and nobody can set it",
                hint=f"leave it out{_see(tunable)}",
            )
        ]
    found = _obsolete(tunable)
    if found and tunable.removed:
        # Its shape is no longer known to any kernel in use.
        return found
    if kind_problem := _wrong_kind(tunable, wanted):
        return [*found, kind_problem]
    found += _direction(tunable, wanted, directed)
    if isinstance(wanted, Text):
        found += _text(tunable, wanted)
    elif isinstance(wanted, tuple):
        found += _numbers(tunable, wanted, sized)
    return found


def needs_allow(key: SysctlKey, tunable: Tunable | None, value: SysctlValue | None) -> str | None:
    """Say why a key may only be set where `allow` names it, or None where it need not.

    `value` is what would be written, None where that is not known yet.
    """
    if tunable is None:
        return f"{key} is not in the catalogue: its range and its dangers are not known"
    if isinstance(value, Numbers) and (final := tunable.final.intersection(value.fields)):
        return f"{min(final)} cannot be taken back before the next boot" + _because(tunable)
    if tunable.one_way:
        return "there is no way back before the next boot" + _because(tunable)
    if tunable.tier is Tier.SECURITY:
        return "it guards the security of the host" + _because(tunable)
    if tunable.floor is not None and isinstance(value, Numbers):
        low = [
            number
            for number in value.fields
            if number < tunable.floor and number not in tunable.unlimited
        ]
        if low:
            return f"{min(low)} is under {tunable.floor}, below which the host breaks" + _because(
                tunable
            )
    return None


def _because(tunable: Tunable) -> str:
    return f": {tunable.risk_note}" if tunable.risk_note else ""


def _see(tunable: Tunable) -> str:
    return f", or set {tunable.related[0]}" if tunable.related else ""


def _obsolete(tunable: Tunable) -> list[Problem]:
    if tunable.tier is not Tier.OBSOLETE:
        return []
    gone = f"removed in {tunable.removed}" if tunable.removed else "ignored by current kernels"
    return [
        Problem(
            message=f"obsolete, {gone}",
            hint=f"use {tunable.replacement}"
            if not tunable.replacement.startswith("nothing")
            else "leave it out",
            severity=Severity.WARNING,
        )
    ]


def _wrong_kind(tunable: Tunable, wanted: Wanted) -> Problem | None:
    kind = (
        Kind.TEXT
        if isinstance(wanted, Text)
        else Kind.PORTS
        if isinstance(wanted, Ports)
        else Kind.NUMBERS
    )
    if kind is tunable.kind:
        return None
    asked = {
        Kind.NUMBERS: _counted(tunable),
        Kind.PORTS: "a list of ports",
        Kind.TEXT: "a text",
    }
    given = {Kind.NUMBERS: "a number", Kind.PORTS: "a list of ports", Kind.TEXT: "a text"}
    hints = {
        Kind.NUMBERS: f"write {_counted(tunable)}",
        Kind.PORTS: "write a list such as 8080,9000-9100",
        Kind.TEXT: "write a name",
    }
    return Problem(
        message=f"takes {asked[tunable.kind]}, not {given[kind]}", hint=hints[tunable.kind]
    )


def _counted(tunable: Tunable) -> str:
    if len(tunable.fields) == 1:
        return "an integer"
    return f"{len(tunable.fields)} integers ({_names(tunable)})"


def _names(tunable: Tunable) -> str:
    return ", ".join(field.name for field in tunable.fields)


def _direction(tunable: Tunable, wanted: Wanted, directed: bool) -> list[Problem]:
    if not directed or isinstance(wanted, Ports):
        return []
    if isinstance(wanted, Text):
        return [
            Problem(
                message="a text is neither more nor less than another",
                hint="write the text alone, or prefer: [FIRST, SECOND]",
            )
        ]
    pairs = zip(tunable.fields, wanted, strict=False)
    if any(number is not None and field.direction is Direction.NONE for field, number in pairs):
        return [
            Problem(
                message=f"this is a {tunable.unit or 'mode'}: no value of it is more than another",
                hint="write the value alone, without at_least or at_most",
            )
        ]
    return []


def _text(tunable: Tunable, wanted: Text) -> list[Problem]:
    if tunable.max_length is None:
        return []
    length = len(wanted.text.encode())
    if length <= tunable.max_length:
        return []
    return [
        Problem(
            message=f"{length} bytes, of which the kernel would keep the first "
            f"{tunable.max_length}",
            hint="write a shorter text",
        )
    ]


def _numbers(tunable: Tunable, wanted: tuple[int | None, ...], sized: bool) -> list[Problem]:
    if len(wanted) != len(tunable.fields):
        return [
            Problem(
                message=f"takes {_counted(tunable)}, not {len(wanted)}",
                hint="write keep for a field that shall stay"
                if len(tunable.fields) > 1
                else "write one number",
            )
        ]
    if sized and tunable.unit != "bytes":
        return [_wrong_unit(tunable, wanted)]
    found = [
        problem
        for field, number in zip(tunable.fields, wanted, strict=True)
        if number is not None and (problem := _out_of_range(tunable, field, number))
    ]
    return found or _order(tunable, wanted)


def _wrong_unit(tunable: Tunable, wanted: tuple[int | None, ...]) -> Problem:
    largest = max((number for number in wanted if number is not None), default=0)
    size = _as_size(largest)
    if tunable.unit == "pages":
        hint = f"write {size} // page_size"
    elif tunable.unit == "KiB":
        hint = f"write {size} // 1024"
    else:
        hint = "write a plain number"
    return Problem(message=f"counts {tunable.unit or 'units'}, not bytes", hint=hint)


def _as_size(number: int) -> str:
    for suffix, unit in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if number and number % unit == 0:
            return f"{number // unit}{suffix}"
    return str(number)


def _out_of_range(tunable: Tunable, field: Field, number: int) -> Problem | None:
    low, high = field.minimum, field.maximum
    if number in tunable.unlimited or (
        (low is None or number >= low) and (high is None or number <= high)
    ):
        return None
    what = f"{field.name} " if field.name else ""
    shown = "the value" if tunable.secret else str(number)
    unit = f" {tunable.unit}" if tunable.unit else ""
    if low is None:
        bounds = f"at most {high}{unit}"
    elif high is None:
        bounds = f"at least {low}{unit}"
    else:
        bounds = f"{low} to {high}{unit}"
    unenforced = field.lax.below if low is not None and number < low else field.lax.above
    return Problem(
        message=f"{what}{shown} is out of range",
        hint=f"the range is {bounds}"
        + (", though the kernel would store it" if unenforced else ""),
    )


def _order(tunable: Tunable, wanted: tuple[int | None, ...]) -> list[Problem]:
    if not tunable.ordered:
        return []
    given = [
        (field.name, number)
        for field, number in zip(tunable.fields, wanted, strict=True)
        if number is not None and number not in tunable.unlimited
    ]
    return [
        Problem(
            message=f"{name} {number} is over {next_name} {next_number}",
            hint=f"write {_names(tunable)} in rising order",
        )
        for (name, number), (next_name, next_number) in pairwise(given)
        if number > next_number
    ]
