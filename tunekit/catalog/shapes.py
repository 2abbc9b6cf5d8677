"""Shapes and phrases that many entries of the catalogue share."""

from __future__ import annotations

from tunekit.catalog.model import Direction, Field, Lax

U8_MAX = 255
INT_MAX = 2**31 - 1
UINT_MAX = 2**32 - 1
LONG_MAX = 2**63 - 1
ULONG_MAX = 2**64 - 1

SECONDS_MAX = 21_474_836
"""The most seconds that an int of jiffies holds, at HZ=100, the slowest clock in use."""

IMMEDIATELY = "at once, for what exists too"
NEW_SOCKETS = "sockets created afterwards"
NEW_CONNECTIONS = "connections opened afterwards"
NEW_LISTEN = "the next listen(), a second one on the same socket included"
NEW_DEVICES = "network devices created afterwards"
NEW_FLOWS = "a flow at its next packet"
NEXT_CONNECT = "the next bind or connect that picks a port"
NOTHING = "never: the kernel ignores it"
OBSERVED = "nothing to apply: the kernel reports it"


def number(
    minimum: int = 0,
    maximum: int = INT_MAX,
    direction: Direction = Direction.UP,
    *,
    lax: Lax = Lax.NOWHERE,
) -> tuple[Field, ...]:
    """One number of which more is more generous."""
    return (Field(minimum=minimum, maximum=maximum, direction=direction, lax=lax),)


def mode(minimum: int, maximum: int, *, lax: Lax = Lax.NOWHERE) -> tuple[Field, ...]:
    """One number that chooses a behaviour: no value is more than another."""
    return number(minimum, maximum, Direction.NONE, lax=lax)


def vector(
    *names: str,
    minimum: int = 0,
    maximum: int = INT_MAX,
    direction: Direction = Direction.UP,
    lax: Lax = Lax.NOWHERE,
) -> tuple[Field, ...]:
    """A vector whose fields share a range."""
    return tuple(
        Field(name=name, minimum=minimum, maximum=maximum, direction=direction, lax=lax)
        for name in names
    )


FLAG = mode(0, 1)
FLAG_U8 = mode(0, U8_MAX)
"""A flag kept in a byte without bounds of its own: the kernel takes 255 for on."""
FLAG_INT = mode(0, INT_MAX, lax=Lax.BELOW)
"""A flag kept in an int without bounds. The kernel takes negatives too; nobody means them."""
COUNT = number()
COUNT_INT = number(lax=Lax.BELOW)
"""A count kept in an int without bounds. The kernel takes negatives too; nobody means them."""
SECONDS = number(1, SECONDS_MAX, lax=Lax.BELOW)
"""Seconds kept as jiffies. The kernel takes zero and negatives, which expire at once."""
NAME = (Field(direction=Direction.NONE),)
"""A text has one field, which is never compared as a number."""
READ_ONLY = (Field(direction=Direction.NONE),)
