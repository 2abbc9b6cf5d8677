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
from typing import NamedTuple

from tunekit.probe.readiness.model import Wait
from tunekit.probe.readiness.waiters import NullWaiter, PollWaiter

Run = Callable[[Wait, int], int]
"""Makes so many calls, and returns what the last of them found."""

_STEADY = 1.1
"""Times the shortest pulse: a longer one is of a slow processor."""
_SCANNED = 64
_LONGS = 51
_MANY = 256
_OWN = 20_000
"""Nanoseconds of a call beside which the clock's own time shows."""
_SHORT = 5e-6
"""Seconds of a call that is mostly the call itself."""
_PAUSE = 0.002


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
    """Seconds, and the nanoseconds of the pulse that is like them: the slower of those before and
    after.
    """

    seconds: float
    beat: float
    pulse: Pulse

    def per(self, count: int) -> Part:
        """The same for one of so many."""
        return self._replace(seconds=self.seconds / count)


Sample = tuple[Part, ...]
"""The parts that add up to one sample of a figure."""


class Clock:
    """Times stretches of calls. A context manager, since its pulse needs a descriptor.

    `slow` and `stretches` count those that a slow processor did, and all; `patience` are the
    seconds that may still be lost in waiting for a quick one.
    """

    def __init__(self) -> None:
        self.slow = 0
        self.stretches = 0
        self.patience = 0.0
        self._null = NullWaiter()
        self._event = os.eventfd(0)
        # The same descriptor many times: it must not matter what is in the processor's cache.
        scan = PollWaiter([self._event] * _SCANNED)
        self._works = {Pulse.CALLS: (self._null.run, 16), Pulse.SCAN: (scan.run, 3)}
        self._best = dict.fromkeys(Pulse, math.inf)
        self._started = 0.0
        self._calls = [self.time(self._null.run, _MANY)[0].per(_MANY) for _ in range(_LONGS)]

    def __enter__(self) -> Clock:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._event)

    def time(
        self,
        run: Run,
        calls: int,
        wait: Wait = Wait.NOW,
        pulse: Pulse = Pulse.CALLS,
    ) -> tuple[Part, int]:
        """Have `run` make so many calls; returns the time of all of them, and what it returned.
        `pulse` is what they are most like.
        """
        self._started = time.monotonic()
        before = self._beat(pulse)
        taken, found = self._taken(run, calls, wait)
        return self._part(taken, pulse, before), found

    def time_apart(
        self,
        prepare: Callable[[int], None],
        run: Run,
        calls: int,
        wait: Wait,
        pulse: Pulse,
    ) -> tuple[Part, int]:
        """As `time`, for calls each of which needs something done before it, that is not timed.

        What the clock itself takes is taken off: the same, around the cheapest system call.
        """
        self._started = time.monotonic()
        before = self._beat(pulse)
        taken, found = _sum_apart(prepare, run, calls, wait)
        if taken < _OWN * calls:
            around, _ = _sum_apart(prepare, self._null.run, calls, wait)
            taken -= max(0, around - self._taken(self._null.run, calls, wait)[0])
        return self._part(max(0, taken), pulse, before), found

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
            part.seconds
            if self._is_steady(part.pulse, part.beat)
            else part.seconds * self._best[part.pulse] / part.beat
            for part in sample
        )

    def retries(self, part: Part) -> bool:
        """Where the processor was slow in the stretch that was timed last, wait until it is quick
        and tell whether it is, so that another try is worth while. Uses up `patience`.
        """
        if self._is_steady(part.pulse, part.beat):
            return False
        entered = now = time.monotonic()
        lost = entered - self._started
        quick = False
        while not quick and lost + now - entered < self.patience:
            time.sleep(_PAUSE)
            quick = self._is_steady(part.pulse, self._beat(part.pulse))
            now = time.monotonic()
        self.patience -= now - entered + (lost if quick else 0.0)
        return quick

    def _is_steady(self, pulse: Pulse, beat: float) -> bool:
        return beat <= _STEADY * self._best[pulse]

    @staticmethod
    def _taken(run: Run, calls: int, wait: Wait) -> tuple[int, int]:
        cpu, wall = time.thread_time_ns, time.perf_counter_ns
        before = cpu()
        start = wall()
        found = run(wait, calls)
        end = wall()
        after = cpu()
        # The thread's time costs a system call, so it is only believed when it says less.
        return min(end - start, after - before), found

    def _part(self, nanoseconds: float, pulse: Pulse, before: float) -> Part:
        beat = max(before, self._beat(pulse))
        self.stretches += 1
        self.slow += not self._is_steady(pulse, beat)
        return Part(nanoseconds / 1e9, beat, pulse)

    def _beat(self, pulse: Pulse) -> float:
        """The nanoseconds of a pulse: the shorter of two, since something may come between."""
        run, calls = self._works[pulse]
        clock = time.perf_counter_ns
        run(Wait.NOW, 1)
        start = clock()
        run(Wait.NOW, calls)
        middle = clock()
        run(Wait.NOW, calls)
        beat = float(min(middle - start, clock() - middle))
        self._best[pulse] = min(self._best[pulse], beat)
        return beat


def _sum_apart(prepare: Callable[[int], None], run: Run, calls: int, wait: Wait) -> tuple[int, int]:
    clock = time.perf_counter_ns
    taken = found = 0
    for _ in range(calls):
        prepare(1)
        start = clock()
        found = run(wait, 1)
        taken += clock() - start
    return taken, found
