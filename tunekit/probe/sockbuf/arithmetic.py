"""What a connection over a distance can carry, said beforehand.

The receive window goes once around in a round trip, in whole segments. Of the send buffer less
does, which is told by letting segments go around: see `rounds`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from tunekit.probe.sockbuf import rounds, window
from tunekit.probe.sockbuf.host import Segments, Sysctl
from tunekit.probe.sockbuf.rules import Option, predict

# What no host limits, the least size worth asking for, and a rate that is as good as reached.
_PLENTY, _LEAST, _NEARLY = 1 << 29, 4096, 0.95


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
    each = size / distance.rate if distance.rate else 0.0
    room = send_buffer / (size + segments.overhead)
    rates = {
        # Every second segment is acknowledged (__tcp_ack_snd_check), once it has come in whole.
        Limit.RECEIVE: offered // size * size / (distance.round_trip + 2 * each),
        Limit.SEND: size * rounds.throughput(room=room, round_trip=distance.round_trip, each=each),
    }
    if distance.rate is not None:
        rates[Limit.PATH] = distance.rate
    limit = min(rates, key=lambda name: rates[name])
    return Carried(rate=rates[limit], limit=limit)


def needed(rate: float, distance: Distance, segments: Segments, sysctls: Sysctl) -> int:
    """The size to ask for at both ends, SO_SNDBUF and SO_RCVBUF, that carries nearly all of `rate`
    bytes a second: what is on its way, what the sender does not fill, and what segments cost.
    """
    allowed = replace(sysctls, wmem_max=_PLENTY, rmem_max=_PLENTY)
    goal = replace(distance, rate=rate)
    # The kernel grants twice of what is asked for.
    size = max(_LEAST, int(rate * distance.round_trip) // 2)
    while size < _PLENTY:
        found = carried(size, size, goal, segments, allowed)
        if found is not None and found.rate >= _NEARLY * rate:
            break
        size = size * 11 // 10
    return size
