"""Segments that go around a path: how many a second, with a send buffer.

The sender's program fills the buffer when it is woken, which is when a third of it is free
(sk_stream_write_space in net/core/stream.c), so that segments leave in bursts and the buffer is not
always full. The receiver's program reads at once, and its kernel acknowledges every second segment
(__tcp_ack_snd_check in net/ipv4/tcp_input.c), or the last one after a while.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

_DELAYED_ACK = 0.04
"""TCP_ATO_MIN, in seconds."""

# Segments that are followed, at most, and those of them that are not counted: the first rounds.
_FOLLOWED, _SETTLING = 600, 200
# More segments than this on their way fill any path that can be made here.
_MOST = 512.0


def throughput(*, room: float, round_trip: float, each: float) -> float:
    """Segments a second: the send buffer has `room` for so many, and one takes `each` seconds to
    be sent at the path's rate.
    """
    return _Path(room=min(room, _MOST), half=round_trip / 2, each=each).run()


@dataclass(slots=True, kw_only=True)
class _Path:
    """A connection while it is followed; times in seconds, the rest in segments."""

    room: float
    half: float
    each: float
    now: float = 0.0
    free_at: float = 0.0
    written: int = 0
    sent: int = 0
    acked: int = 0
    arrivals: deque[float] = field(default_factory=deque)
    acks: deque[tuple[float, int]] = field(default_factory=deque)

    def run(self) -> float:
        begun, counted = 0.0, 0
        self._write()
        while self.acked < _FOLLOWED:
            self._send()
            self._hear()
            if counted == 0 and self.acked >= _SETTLING:
                begun, counted = self.now, self.acked
        return (self.acked - counted) / (self.now - begun)

    def _write(self) -> None:
        """Begin segments while the buffer has room: the last one may overshoot."""
        while self.written - self.acked < self.room:
            self.written += 1

    def _send(self) -> None:
        while self.sent < self.written:
            self.free_at = max(self.free_at, self.now) + self.each
            self.sent += 1
            self.arrivals.append(self.free_at + self.half)

    def _hear(self) -> None:
        """Go on to the next acknowledgement, and wake the program if there is room enough."""
        if not self.acks:
            self._acknowledge()
        self.now, self.acked = self.acks.popleft()
        if 3 * (self.written - self.acked) <= 2 * self.room:
            self._write()

    def _acknowledge(self) -> None:
        first = self.arrivals.popleft()
        known = self.sent - len(self.arrivals)
        if self.arrivals:
            self.acks.append((self.arrivals.popleft() + self.half, known + 1))
        else:
            self.acks.append((first + _DELAYED_ACK + self.half, known))
