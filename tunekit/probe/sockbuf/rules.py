"""What SO_SNDBUF and SO_RCVBUF grant, as the kernel decides it.

net/core/sock.c, sk_setsockopt(): the value is cut to wmem_max or rmem_max, doubled to make room
for the kernel's own overhead, and raised to SOCK_MIN_SNDBUF (4608) or SOCK_MIN_RCVBUF (2304); the
comparison with the maximum is unsigned, so that a negative value asks for all of it. socket(7)
has older minima. A buffer that nobody set starts at the middle field of tcp_wmem or tcp_rmem, is
not doubled, and is tuned as the connection goes (tcp_sndbuf_expand, tcp_rcv_space_adjust in
net/ipv4/tcp_input.c).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MINIMUM_SEND = 4608
"""SOCK_MIN_SNDBUF on a 64-bit kernel: two of TCP_SKB_MIN_TRUESIZE."""
MINIMUM_RECEIVE = 2304
"""SOCK_MIN_RCVBUF: one of TCP_SKB_MIN_TRUESIZE."""

_UNSIGNED = 1 << 32
_LARGEST = (1 << 30) - 1


class Option(Enum):
    """A buffer option; the value is its name in socket(7)."""

    SEND = "SO_SNDBUF"
    RECEIVE = "SO_RCVBUF"

    @property
    def minimum(self) -> int:
        """The least that the kernel grants, in bytes."""
        return MINIMUM_SEND if self is Option.SEND else MINIMUM_RECEIVE

    @property
    def ceiling_key(self) -> str:
        """The sysctl that cuts what is asked for."""
        return "net.core.wmem_max" if self is Option.SEND else "net.core.rmem_max"

    @property
    def automatic_key(self) -> str:
        """The sysctl that a buffer which nobody set follows."""
        return "net.ipv4.tcp_wmem" if self is Option.SEND else "net.ipv4.tcp_rmem"

    @property
    def default_key(self) -> str:
        """The sysctl that gives the buffer of what is not TCP its size."""
        return "net.core.wmem_default" if self is Option.SEND else "net.core.rmem_default"


class Why(Enum):
    """Why what was granted is not what was asked for."""

    DOUBLED = "doubled"
    RAISED = "raised to the minimum"
    CLAMPED = "cut to the maximum, then doubled"
    FORCED = "forced: the maximum does not count"
    AUTOMATIC = "not set: tuned by the kernel"
    DEFAULT = "not set: the default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What getsockopt will say, in bytes, and the rule that makes it so."""

    size: int
    why: Why
    explanation: str


def predict(option: Option, requested: int, *, ceiling: int) -> Grant:
    """Predict what setting an option grants, under a wmem_max or rmem_max of `ceiling` bytes."""
    asked = requested % _UNSIGNED
    # sk_setsockopt() also keeps the doubling from overflowing.
    cut = min(asked, ceiling, _LARGEST)
    size = 2 * cut
    if size < option.minimum:
        return Grant(
            size=option.minimum,
            why=Why.RAISED,
            explanation=f"2 * {cut} is below the least of {option.minimum}",
        )
    if cut < asked:
        return Grant(
            size=size,
            why=Why.CLAMPED,
            explanation=f"2 * {ceiling}: {option.ceiling_key} cuts {requested}",
        )
    return Grant(size=size, why=Why.DOUBLED, explanation=f"2 * {requested}")


def predict_forced(option: Option, requested: int) -> Grant:
    """Predict what SO_SNDBUFFORCE or SO_RCVBUFFORCE grants: no maximum, and negative is none."""
    taken = min(max(0, requested), _LARGEST)
    if 2 * taken < option.minimum:
        return Grant(
            size=option.minimum,
            why=Why.RAISED,
            explanation=f"2 * {taken} is below the least of {option.minimum}",
        )
    return Grant(
        size=2 * taken,
        why=Why.FORCED,
        explanation=f"2 * {taken}: {option.ceiling_key} does not count",
    )


def predict_default(option: Option, *, size: int) -> Grant:
    """Predict the size of a buffer that nobody set of a socket that is not TCP."""
    return Grant(size=size, why=Why.DEFAULT, explanation=f"{option.default_key} is {size}")


def predict_unset(option: Option, *, field: int) -> Grant:
    """Predict the size of a buffer that nobody set, before the connection exists; `field` is the
    middle field of tcp_wmem or tcp_rmem.
    """
    return Grant(
        size=field,
        why=Why.AUTOMATIC,
        explanation=f"{option.automatic_key} begins at {field}; it is tuned as data flows",
    )
