"""The rounds of one size: what is active, and the time of each call while it is.

Mechanisms take turns within a round, in another order each time, so that what else the machine
does meets all of them alike. What a program would do between two calls is not timed with them.
"""

from __future__ import annotations

import contextlib
import ctypes
import random
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tunekit.errors import ProbeRefused
from tunekit.probe.readiness import waiters
from tunekit.probe.readiness.ends import Ends
from tunekit.probe.readiness.model import Cell, Mechanism, Wait, active_counts
from tunekit.probe.readiness.waiters import EpollWaiter, PollWaiter, SelectWaiter, Waiter

Samples = dict[Cell, list[float]]
"""Seconds, one for each round that counts."""

_WORTH_TIMING = 200_000
"""Nanoseconds that a timed stretch should take, so that reading the clock does not show."""
_MOST_CALLS = 64
_EDGES = 9
_STRETCHES = 3
_LONG = 500_000
"""Nanoseconds of a call that is not made three times a round."""
_CHURNED = 64
_LONGS = 51
_LATELY = 51
_SHORT = 50_000
"""Nanoseconds of a stretch in which the clock's own time shows."""
_READ = 256
_RESHUFFLED = 1000
"""Up to so many active descriptors there is another random set each round; more are written to
once a pass, since writing would take longer than all that is timed.
"""


class Clock:
    """Times a stretch by the smaller of the time that passed and what this thread ran of it.

    Calls that find something ready never sleep, so on a quiet machine the two are the same, and
    elsewhere the second leaves out what other programs took meanwhile. Reading it costs a system
    call, so it is only believed when it says less. `call` is the nanoseconds that the cheapest
    system call takes in a long stretch.
    """

    def __init__(self) -> None:
        self._null = waiters.NullWaiter()
        many = 256
        longs = [self._taken(lambda: self._null.run(Wait.NOW, many))[0] for _ in range(_LONGS)]
        self.call = statistics.median(longs) / many
        # What single calls took lately: the machine of a minute ago may have been another one.
        self._singles: deque[float] = deque(maxlen=_LATELY)

    def time(self, run: Callable[[], int]) -> tuple[float, int]:
        """Call it; returns nanoseconds and what it returned.

        From a short stretch is taken what one of a single cheapest call takes beyond the call: the
        clock's own time, and Python's around it.
        """
        taken, found = self._taken(run)
        if taken < _SHORT:
            self._singles.append(self._taken(lambda: self._null.run(Wait.NOW, 1))[0])
            taken -= max(0.0, statistics.median(self._singles) - self.call)
        return max(0.0, taken), found

    @staticmethod
    def _taken(run: Callable[[], int]) -> tuple[float, int]:
        cpu = time.thread_time_ns
        wall = time.perf_counter_ns
        before = cpu()
        start = wall()
        found = run()
        end = wall()
        after = cpu()
        return float(min(end - start, after - before)), found


class Turn(NamedTuple):
    """A mechanism with a timeout, how many calls a stretch has, and how many stretches."""

    waiter: Waiter
    wait: Wait
    calls: int
    stretches: int


class Rung:
    """One size: the first `count` of the connections, watched by every mechanism that can."""

    def __init__(self, ends: Ends, count: int, clock: Clock, chance: random.Random) -> None:
        self.refused: dict[Mechanism, str] = {}
        self._ends = ends
        self._descriptors = ends.descriptors[:count]
        self._clock = clock
        self._chance = chance
        self._waiters: list[Waiter] = []
        self._buffer = ctypes.create_string_buffer(64)
        self._active: list[int] = []

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Make the mechanisms, and close them at the end."""
        makers: dict[Mechanism, Callable[[], Waiter]] = {
            Mechanism.SELECT: lambda: SelectWaiter(self._descriptors),
            Mechanism.POLL: lambda: PollWaiter(self._descriptors),
            Mechanism.LEVEL: lambda: EpollWaiter(self._descriptors, edge=False),
            Mechanism.EDGE: lambda: EpollWaiter(self._descriptors, edge=True),
        }
        with contextlib.ExitStack() as stack:
            for mechanism, make in makers.items():
                try:
                    waiter = make()
                except (OSError, ValueError) as error:
                    self.refused[mechanism] = str(getattr(error, "strerror", None) or error)
                    continue
                stack.callback(waiter.close)
                self._waiters.append(waiter)
            try:
                yield
            finally:
                self._waiters.clear()

    def measure(self, shares: Sequence[float], rounds: int) -> Samples:
        """Do the rounds of each share; the first of each is not kept."""
        samples: Samples = {}
        for _ in range(rounds):
            self._churn(samples)
        for active in active_counts(len(self._descriptors), shares):
            turns: list[Turn] = []
            for number, stratum in enumerate(self._strata(rounds)):
                if number == 0 or active <= _RESHUFFLED:
                    self._shift(active, stratum)
                if number == 0:
                    turns = self._turns()
                self._chance.shuffle(turns)
                waited = {turn[:2]: self._wait(turn, active) for turn in turns}
                self._keep(samples, active, waited)
            self._shift(0, 0.0)
        return {cell: values[1:] for cell, values in samples.items()}

    def _churn(self, samples: Samples) -> None:
        """Remove, add and modify some watches of the level-triggered set."""
        level = next((each for each in self._waiters if each.mechanism is Mechanism.LEVEL), None)
        if not isinstance(level, EpollWaiter):
            return
        epoll, mask = level.epoll, level.mask
        some = self._chance.sample(self._descriptors, min(_CHURNED, len(self._descriptors)))

        def remove() -> int:
            for each in some:
                epoll.unregister(each)
            return 0

        def register() -> int:
            for each in some:
                epoll.register(each, mask)
            return 0

        def modify() -> int:
            for each in some:
                epoll.modify(each, mask)
            return 0

        for name, work in (("remove", remove), ("register", register), ("modify", modify)):
            taken, _ = self._clock.time(work)
            cell = Cell(
                name=f"readiness.{name}",
                descriptors=len(self._descriptors),
                mechanism=Mechanism.LEVEL,
            )
            samples.setdefault(cell, []).append(taken / len(some) / 1e9)

    def _strata(self, rounds: int) -> list[float]:
        """A place for each round, from 0 to 1: random, and one in each part of the whole.

        How far poll and select look before they find a single active descriptor is most of what a
        blocking call costs, so that a few places at random would not agree with a few others.
        """
        kept = [(part + self._chance.random()) / (rounds - 1) for part in range(rounds - 1)]
        self._chance.shuffle(kept)
        return [self._chance.random(), *kept]

    def _shift(self, active: int, stratum: float) -> None:
        """Have so many random connections be active, and no others; and see that all agree.

        A single one is at `stratum`, a part of the whole.
        """
        for index in self._active:
            while waiters.read(self._descriptors[index], self._buffer) > 0:
                pass
        everything = range(len(self._descriptors))
        single = int(stratum * len(everything))
        self._active = [single] if active == 1 else self._chance.sample(everything, active)
        if self._active:
            self._ends.rouse(self._active)
        expected = sorted(self._descriptors[index] for index in self._active)
        for waiter in self._waiters:
            if isinstance(waiter, EpollWaiter):
                waiter.expect(expected)
            found = sorted(waiter.ready())
            if found != expected:
                raise ProbeRefused(
                    f"{waiter.mechanism.value} finds {len(found)} of {len(self._descriptors)} "
                    f"descriptors ready where {len(expected)} are",
                    hint="please report this with the kernel's version: uname -r",
                )

    def _turns(self) -> list[Turn]:
        """Each mechanism with each timeout, and as many calls as are worth timing."""
        turns = []
        for waiter in self._waiters:
            waiter.prepare(1)
            taken, _ = self._clock.time(lambda each=waiter: each.run(Wait.NOW, 1))  # type: ignore[misc]
            worth = int(_WORTH_TIMING / max(taken, 1)) + 1
            # An edge is seen once, so there it is stretches of one call.
            edge = waiter.mechanism is Mechanism.EDGE
            calls = 1 if edge else min(worth, _MOST_CALLS)
            stretches = 1 if taken > _LONG else _EDGES if edge else _STRETCHES
            turns += [Turn(waiter, wait, calls, stretches) for wait in Wait]
        return turns

    def _wait(self, turn: Turn, active: int) -> float:
        """The seconds of one call, in the middle one of the stretches."""
        taken_by = []
        waiter, wait, calls, stretches = turn
        for _ in range(stretches):
            waiter.prepare(calls)
            taken, found = self._clock.time(lambda: waiter.run(wait, calls))
            if found != active:
                raise ProbeRefused(
                    f"{waiter.mechanism.value} found {found} descriptors ready where {active} are",
                    hint="please report this with the kernel's version: uname -r",
                )
            taken_by.append(taken / calls)
        return statistics.median_low(taken_by) / 1e9

    def _keep(
        self, samples: Samples, active: int, waited: dict[tuple[Waiter, Wait], float]
    ) -> None:
        """Add the calls of a round, and what each makes of one event with its reads."""
        one, empty = self._reads()
        for (waiter, wait), seconds in waited.items():
            about = Cell(
                name="readiness.wait",
                descriptors=len(self._descriptors),
                mechanism=waiter.mechanism,
                wait=wait,
                active=active,
            )
            samples.setdefault(about, []).append(seconds)
            if wait is Wait.BLOCKING:
                # An edge comes once, so its reader goes on until there is nothing (epoll(7)).
                edge = waiter.mechanism is Mechanism.EDGE
                event = Cell(
                    name="readiness.event",
                    descriptors=len(self._descriptors),
                    mechanism=waiter.mechanism,
                    active=active,
                )
                each = seconds / active + one + (empty if edge else 0.0)
                samples.setdefault(event, []).append(each)

    def _reads(self) -> tuple[float, float]:
        """The seconds of a read that gets a message, and of one that gets nothing.

        What was read is written again.
        """
        some = self._active[:_READ]
        descriptors = [self._descriptors[index] for index in some]

        def read_all() -> int:
            got = 0
            for each in descriptors:
                got = waiters.read(each, self._buffer)
            return got

        full, _ = self._clock.time(read_all)
        empty, _ = self._clock.time(read_all)
        self._ends.rouse(some)
        return full / len(some) / 1e9, empty / len(some) / 1e9
