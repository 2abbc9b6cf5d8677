"""A line with a delay and a rate between two TUN devices, in user space.

For a kernel without netem. A packet that is read is due once it has been sent at the line's rate
after those before it, and has travelled half of the round trip; then it is written to the other
device.
"""

from __future__ import annotations

import errno
import os
import select
import time
from collections import deque
from collections.abc import Callable

_LARGEST = 65536
_BATCH = 16
_NANO = 1_000_000_000


class Line:
    """One direction. Times are in nanoseconds, `rate` in bytes a second, or None for no limit."""

    def __init__(self, source: int, target: int, *, delay: int, rate: float | None) -> None:
        self._source = source
        self._target = target
        self._delay = delay
        self._cost = 0.0 if rate is None else _NANO / rate
        self._free_at = 0.0
        self._waiting: deque[tuple[float, bytes]] = deque()

    @property
    def due(self) -> float | None:
        """When the next packet is to come out."""
        return self._waiting[0][0] if self._waiting else None

    def take(self, now: int) -> None:
        """Take in the packets that are there."""
        for _ in range(_BATCH):
            try:
                packet = os.read(self._source, _LARGEST)
            except BlockingIOError:
                return
            self._free_at = max(self._free_at, now) + len(packet) * self._cost
            self._waiting.append((self._free_at + self._delay, packet))

    def give(self, now: int) -> None:
        """Hand over the packets that are due."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= now:
            try:
                os.write(self._target, waiting[0][1])
            except OSError as error:
                if error.errno in (errno.EAGAIN, errno.ENOBUFS):
                    return
                raise
            waiting.popleft()


def forward(
    first: int,
    second: int,
    *,
    round_trip: float,
    rate: float | None,
    clock: Callable[[], int] = time.monotonic_ns,
) -> None:
    """Carry packets between two devices until the process ends."""
    delay = int(round_trip * _NANO / 2)
    lines = {
        source: Line(source, target, delay=delay, rate=rate)
        for source, target in ((first, second), (second, first))
    }
    with select.epoll() as poll:
        for source in lines:
            poll.register(source, select.EPOLLIN)
        while True:
            now = clock()
            dues = [due for line in lines.values() if (due := line.due) is not None]
            # epoll_wait counts in milliseconds: the last one is spent asking again.
            left = (min(dues) - now) / _NANO - 0.001 if dues else None
            for descriptor, _ in poll.poll(None if left is None else max(0.0, left)):
                lines[descriptor].take(clock())
            for line in lines.values():
                line.give(clock())
