"""What a key holds after a text was written to it, as far as can be told without the kernel.

The kernel's parsers (kernel/sysctl.c) take a vector field by field, store what they have taken
before they meet what they refuse, keep the fields that were not given and pass over what stands
behind the last one. The programs of boot write with stdio, which hides all that.
"""

from __future__ import annotations

import re

from tunekit import catalog
from tunekit.catalog.model import Field, Tunable
from tunekit.errors import InvalidValue
from tunekit.records import dataclass
from tunekit.values import Kind, Numbers, SysctlValue, guess, parse

_BLANKS = re.compile(r"[ \t\n]+")
_LINE_ENDS = re.compile(r"\n+")
# Their handlers work on a copy: all fields or none (net/ipv4/sysctl_net_ipv4.c).
_AT_ONCE = frozenset({"net.ipv4.ip_local_port_range", "net.ipv4.ping_group_range"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The outcome of a write: `text` is the value then, None where it cannot be told; `taken` says
    that the kernel took something of it.
    """

    text: str | None
    taken: bool = True


def store(name: str, before: str | None, written: str) -> Stored:
    """Work out what a key holds after a write to it.

    `before` is what it held, None where that is not known. A range that the catalogue does not
    have, or a name that this kernel lacks, is found out by the kernel alone.
    """
    tunable = catalog.find(name)
    if tunable is None:
        return Stored(text=str(guess(written)))
    if tunable.kind is not Kind.NUMBERS:
        try:
            if tunable.kind is Kind.PORTS:
                # The kernel takes a line end for a comma, and a value of TuneD's may have one.
                written = _LINE_ENDS.sub(",", written.strip("\n"))
            return Stored(text=str(parse(written, tunable.kind)))
        except InvalidValue:
            return Stored(text=before, taken=False)
    return _store_numbers(name, tunable, before, written)


def _store_numbers(name: str, tunable: Tunable, before: str | None, written: str) -> Stored:
    count = len(tunable.fields)
    tokens = [token for token in _BLANKS.split(written) if token][:count]
    taken: list[int] = []
    for token, field in zip(tokens, tunable.fields, strict=False):
        number = _number(token)
        if number is None or not _is_stored(field, number):
            break
        taken.append(number)
    if not taken or (len(taken) < len(tokens) and name in _AT_ONCE):
        return Stored(text=before, taken=False)
    if len(taken) == count:
        return Stored(text=str(Numbers(tuple(taken))))
    present = _value(before)
    if present is None or len(present.fields) != count:
        return Stored(text=None)
    return Stored(text=str(Numbers((*taken, *present.fields[len(taken) :]))))


def _is_stored(field: Field, number: int) -> bool:
    """Tell whether a kernel stores a number, be it in range or not."""
    too_low = field.minimum is not None and number < field.minimum and not field.lax.below
    too_high = field.maximum is not None and number > field.maximum and not field.lax.above
    return not (too_low or too_high)


def _number(token: str) -> int | None:
    value = _value(token)
    return value.fields[0] if value else None


def _value(text: str | None) -> Numbers | None:
    try:
        value: SysctlValue = parse(text or "", Kind.NUMBERS)
    except InvalidValue:
        return None
    return value if isinstance(value, Numbers) else None
