"""What a connection over a distance can carry, said beforehand.

A window goes once around in a round trip. The receive window holds whole segments only, and the
send buffer is not always full: a sender that waits for room is woken when a third is free
(sk_stream_write_space in net/core/stream.c), so that on the average it holds less.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tunekit.probe.sockbuf import window
from tunekit.probe.sockbuf.host import Segments, Sysctl
from tunekit.probe.sockbuf.rules import Option, predict


class Limit(Enum):
    """What holds a connection back; the value says it in words."""

    RECEIVE = "receive window"
    SEND = "send buffer"
    PATH = "the path's rate"
    CONGESTION = "congestion window"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """A path: seconds for a round trip, and bytes a second, or None without a limit."""

    round_trip: float
    rate: float | None

    @property
    def product(self) -> float | None:
        """The bandwidth-delay product, in bytes."""
        return None if self.rate is None else self.rate * self.round_trip


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """Bytes a second, and what would hold back."""

    rate: float
    limit: Limit


def carried(
    send: int | None, receive: int | None, distance: Distance, segments: Segments, sysctls: Sysctl
) -> Carried | None:
    """Forecast the throughput of one connection whose reader keeps up; None where a limit is not
    shown here.
    """
    ceilings = {Option.SEND: sysctls.wmem_max, Option.RECEIVE: sysctls.rmem_max}
    if (send is not None and sysctls.wmem_max is None) or (
        receive is not None and sysctls.rmem_max is None
    ):
        return None

    def granted(option: Option, size: int | None, largest: int) -> int:
        ceiling = ceilings[option]
        if size is None or ceiling is None:
            return largest
        return predict(option, size, ceiling=ceiling).size

    send_buffer = granted(Option.SEND, send, sysctls.tcp_wmem[2])
    receive_buffer = granted(Option.RECEIVE, receive, sysctls.tcp_rmem[2])
    offered = window.offered(
        window.Receiver(
            buffer=receive_buffer,
            locked=receive is not None,
            widest=max(sysctls.tcp_rmem[2], sysctls.rmem_max or 0),
            longest=sysctls.tcp_rmem[2],
        ),
        segments,
    )
    size = window.segments_of(offered, segments)
    # Every second segment is acknowledged (__tcp_ack_snd_check), once it has come in whole.
    turn = distance.round_trip + (2 * size / distance.rate if distance.rate else 0.0)
    rates = {
        Limit.RECEIVE: offered // size * size / turn,
        Limit.SEND: in_flight(send_buffer, size, segments.overhead) / turn,
    }
    if distance.rate is not None:
        rates[Limit.PATH] = distance.rate
    limit = min(rates, key=lambda each: rates[each])
    return Carried(rate=rates[limit], limit=limit)


def in_flight(buffer: int, size: int, overhead: int) -> float:
    """What a send buffer keeps on its way on the average, in bytes."""
    each = size + overhead
    count = -(-buffer // each)
    # sk_stream_is_writeable(): woken once half of what is charged would fit into what is free.
    freed = next(k for k in range(1, count + 1) if 3 * (count - k) * each <= 2 * buffer)
    return (count - (freed - 1) / 2) * size


def needed(rate: float, distance: Distance) -> int:
    """The SO_SNDBUF or SO_RCVBUF to ask for to carry `rate` bytes a second: what is on its way,
    and half of that again for what the sender does not fill and what segments cost.
    """
    kept = rate * distance.round_trip * 6 / 5 * 256 / 252
    return -(-int(kept) // 2)
