"""Times of calls at the best speed that this processor shows.

Two things make the same call take longer now than a moment later. Another program takes a turn: so
a stretch counts by what this thread ran of it, where that is less than the time that passed. And
the processor itself is slower for a while, by a third or by half: the other thread of its core is
at work, perhaps for another guest of the host, or its frequency fell. Nobody tells of that, so a
pulse, the same small work each time, is timed on both sides of each stretch: a slow one is tried
again while there is patience, and scaled to the best if there is none left.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial
from typing import NamedTuple

from tunekit.probe.readiness.model import Wait
from tunekit.probe.readiness.waiters import NullWaiter, PollWaiter

Work = Callable[[], int]
"""Makes one call or many, and returns what the last of them found."""

_STEADY = 1.1
"""Times the shortest pulse: a longer one is of a slow processor."""
_SCANNED = 64
"""Descriptors that a call of the scanning pulse looks at."""
_LONGS = 51
_MANY = 256
"""The cheapest system call is timed in so many stretches of so many calls."""
_OWN = 20_000
"""Nanoseconds of a call beside which the clock's own time shows."""
_SHORT = 5e-6
"""Seconds of a call that is mostly the call itself."""


class Pulse(Enum):
    """A work that is always the same; what slows a processor does not slow all works alike."""

    CALLS = "calls"
    """Calls that do next to nothing: what short ones, and Python, are like."""
    SCAN = "scan"
    """Looks at a descriptor again and again, as poll does at many."""

    @classmethod
    def like(cls, call: Part) -> Pulse:
        """The one that is most like calls of which one takes that long."""
        return cls.CALLS if call.seconds < _SHORT else cls.SCAN


class Part(NamedTuple):
    """Seconds, and the nanoseconds of the pulse that is like them, before and after."""

    seconds: float
    before: float
    after: float
    pulse: Pulse

    def per(self, count: int) -> Part:
        """The same for one of so many."""
        return self._replace(seconds=self.seconds / count)


Sample = tuple[Part, ...]
"""The parts that add up to one sample of a figure."""


class Clock:
    """Times stretches of calls. A context manager, since its pulse needs a descriptor.

    `patience` are the seconds that may still be lost in waiting for a quick processor.
    """

    def __init__(self) -> None:
        self.patience = 0.0
        self._null = NullWaiter()
        self._works: dict[Pulse, Work] = {}
        self._best = dict.fromkeys(Pulse, math.inf)
        self._started = 0.0
        self._calls: list[Part] = []

    def __enter__(self) -> Clock:
        self._event = os.eventfd(0)
        # The same descriptor many times: it must not matter what is in the processor's cache.
        scan = PollWaiter([self._event] * _SCANNED)
        self._works = {
            Pulse.CALLS: partial(self._null.run, Wait.NOW, 16),
            Pulse.SCAN: partial(scan.run, Wait.NOW, 3),
        }
        many = partial(self._null.run, Wait.NOW, _MANY)
        self._calls = [self.time(many)[0].per(_MANY) for _ in range(_LONGS)]
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._event)

    def time(self, work: Work, pulse: Pulse = Pulse.CALLS) -> tuple[Part, int]:
        """Time a work that `pulse` is most like; returns that and what the work returned."""
        self._started = time.monotonic()
        before = self._beat(pulse)
        taken, found = self._taken(work)
        return self._part(taken, pulse, before), found

    def time_apart(
        self,
        prepare: Callable[[int], None],
        call: Work,
        calls: int,
        pulse: Pulse,
    ) -> tuple[Part, int]:
        """As `time`, for calls each of which needs something done before it, that is not timed;
        returns the time of one of them, the median.

        What the clock itself takes is taken off: the same, around the cheapest system call.
        """
        self._started = time.monotonic()
        before = self._beat(pulse)
        taken, found = _each(prepare, call, calls)
        if taken < _OWN:
            around, _ = _each(prepare, self._null.call(), calls)
            alone, _ = self._taken(partial(self._null.run, Wait.NOW, calls))
            taken -= max(0.0, around - alone / calls)
        return self._part(max(0.0, taken), pulse, before), found

    def passed(self, work: Callable[[], None]) -> Part:
        """Time what others have a part in: all the time that passes."""
        before = self._beat(Pulse.CALLS)
        start = time.perf_counter_ns()
        work()
        return self._part(time.perf_counter_ns() - start, Pulse.CALLS, before)

    @property
    def call(self) -> float:
        """The seconds of the cheapest system call."""
        return statistics.median(self.at_best((each,)) for each in self._calls)

    def at_best(self, sample: Iterable[Part]) -> float:
        """The seconds that a sample would have taken at the best speed that was seen so far."""
        return sum(
            part.seconds * self._best[part.pulse] / ((part.before + part.after) / 2)
            if self.is_slow(part)
            else part.seconds
            for part in sample
        )

    def is_slow(self, part: Part) -> bool:
        """Tell whether the processor was slower than at its best, before or after."""
        return max(part.before, part.after) > _STEADY * self._best[part.pulse]

    def retries(self, part: Part) -> bool:
        """Where the processor was slow in the stretch that was timed last, wait until it is quick
        and tell whether it is, so that another try is worth while. Uses up `patience`.
        """
        if not self.is_slow(part):
            return False
        entered = now = time.monotonic()
        lost = entered - self._started
        quick = False
        # It does not sleep: a processor that has nothing to do may lower its frequency.
        while not quick and lost + now - entered < self.patience:
            quick = self._beat(part.pulse) <= _STEADY * self._best[part.pulse]
            now = time.monotonic()
        self.patience -= now - entered + (lost if quick else 0.0)
        return quick

    @staticmethod
    def _taken(work: Work) -> tuple[int, int]:
        cpu, wall = time.thread_time_ns, time.perf_counter_ns
        before = cpu()
        start = wall()
        found = work()
        end = wall()
        after = cpu()
        # The thread's time costs a system call, so it is only believed when it says less.
        return min(end - start, after - before), found

    def _part(self, nanoseconds: float, pulse: Pulse, before: float) -> Part:
        return Part(nanoseconds / 1e9, before, self._beat(pulse), pulse)

    def _beat(self, pulse: Pulse) -> float:
        """The nanoseconds of a pulse: the shorter of two, since something may come between."""
        work, clock = self._works[pulse], time.perf_counter_ns
        # What was timed before has other things in the processor's cache.
        work()
        start = clock()
        work()
        middle = clock()
        work()
        beat = float(min(middle - start, clock() - middle))
        self._best[pulse] = min(self._best[pulse], beat)
        return beat


def _each(prepare: Callable[[int], None], call: Work, calls: int) -> tuple[float, int]:
    """The median nanoseconds of a call, the clock's own among them, and what the last returned."""
    clock = time.perf_counter_ns
    taken = []
    for _ in range(calls):
        prepare(1)
        start = clock()
        found = call()
        taken.append(clock() - start)
    return statistics.median(taken), found
