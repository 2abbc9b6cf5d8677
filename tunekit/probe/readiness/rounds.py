"""The rounds of one size: what is active, and the time of each call while it is.

Mechanisms take turns within a round, in another order each time, so that what else the machine
does meets all of them alike. What a program would do between two calls is not timed with them.
"""

from __future__ import annotations

import contextlib
import ctypes
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from tunekit.errors import ProbeRefused
from tunekit.probe.readiness import waiters
from tunekit.probe.readiness.clock import Clock, Part, Pulse, Sample
from tunekit.probe.readiness.ends import Ends
from tunekit.probe.readiness.model import Cell, Mechanism, Wait, active_counts
from tunekit.probe.readiness.waiters import EpollWaiter, PollWaiter, SelectWaiter, Waiter

Samples = dict[Cell, list[Sample]]
"""One sample for each round that counts."""

_WORTH_TIMING = 200_000
"""Nanoseconds that a timed stretch should take, so that reading the clock does not show."""
_MOST_CALLS = 64
_WORTH_WARMING = 8
"""Calls of a stretch beside which another one that is not timed costs little."""
_TRIES = 4
"""More of a stretch on a slow processor."""
_REARMED = 600
"""Nanoseconds, about, that it takes to make an edge anew."""
_CHURNED = 64
"""Watches that are removed, added and modified in a round."""
_READ = 256
"""Messages that are read in a round, at most."""
_RESHUFFLED = 300
"""Up to so many active descriptors there is another random set each round; more are written to
once a pass, since writing would take longer than all that is timed.
"""


class Turn(NamedTuple):
    """A mechanism with a timeout, how many calls a stretch has, and the pulse beside it."""

    waiter: Waiter
    wait: Wait
    calls: int
    pulse: Pulse


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
                    thoroughly = number == 0 or len(self._descriptors) <= _RESHUFFLED
                    self._shift(active, stratum, thoroughly=thoroughly)
                if number == 0:
                    turns = self._turns(active)
                self._chance.shuffle(turns)
                waited = {turn[:2]: self._wait(turn, active) for turn in turns}
                self._keep(samples, active, waited)
            self._shift(0, thoroughly=True)
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
            samples.setdefault(cell, []).append((taken.per(len(some)),))

    def _strata(self, rounds: int) -> list[float]:
        """A place for each round, from 0 to 1: random, and one in each part of the whole.

        How far poll and select look before they find a single active descriptor is most of what a
        blocking call costs, so that a few places at random would not agree with a few others.
        """
        kept = [(part + self._chance.random()) / (rounds - 1) for part in range(rounds - 1)]
        self._chance.shuffle(kept)
        return [self._chance.random(), *kept]

    def _shift(self, active: int, stratum: float = 0.0, *, thoroughly: bool = False) -> None:
        """Have so many random connections be active, and no others; a single one is at `stratum`,
        a part of the whole. Thoroughly: see that each mechanism finds these and no others.
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
        if not thoroughly:
            # Each call is still held against how many are active.
            return
        for waiter in self._waiters:
            found = sorted(waiter.ready())
            if found != expected:
                raise ProbeRefused(
                    f"{waiter.mechanism.value} finds {len(found)} of {len(self._descriptors)} "
                    f"descriptors ready where {len(expected)} are",
                    hint="please report this with the kernel's version: uname -r",
                )

    def _turns(self, active: int) -> list[Turn]:
        """Each mechanism with each timeout, and as many calls as are worth timing."""
        turns = []
        for waiter in self._waiters:
            waiter.prepare(1)
            once, _ = self._clock.time(partial(waiter.run, Wait.NOW, 1))
            taken = once.seconds * 1e9
            if waiter.mechanism is Mechanism.EDGE:
                taken += active * _REARMED
            calls = min(int(_WORTH_TIMING / max(taken, 1)) + 1, _MOST_CALLS)
            turns += [Turn(waiter, wait, calls, Pulse.like(once)) for wait in Wait]
        return turns

    def _wait(self, turn: Turn, active: int) -> Part:
        """One call, made while the processor is quick if that can be had."""
        part = self._stretch(turn, active)
        for _ in range(_TRIES):
            if not self._clock.retries(part):
                break
            part = self._stretch(turn, active)
        return part

    def _stretch(self, turn: Turn, active: int) -> Part:
        waiter, wait, calls, pulse = turn
        if isinstance(waiter, EpollWaiter) and waiter.mechanism is Mechanism.EDGE:
            # An edge is seen once, so each call needs another.
            call = waiter.call(wait)
            part, found = self._clock.time_apart(waiter.prepare, call, calls, pulse)
        else:
            if calls >= _WORTH_WARMING:
                # After another's walk over thousands the first call finds nothing in the cache.
                waiter.prepare(1)
                waiter.run(wait, 1)
            waiter.prepare(calls)
            taken, found = self._clock.time(partial(waiter.run, wait, calls), pulse)
            part = taken.per(calls)
        if found != active:
            raise ProbeRefused(
                f"{waiter.mechanism.value} found {found} descriptors ready where {active} are",
                hint="please report this with the kernel's version: uname -r",
            )
        return part

    def _keep(self, samples: Samples, active: int, waited: dict[tuple[Waiter, Wait], Part]) -> None:
        """Add the calls of a round, and what each makes of one event with its reads."""
        one, empty = self._reads()
        for (waiter, wait), part in waited.items():
            about = Cell(
                name="readiness.wait",
                descriptors=len(self._descriptors),
                mechanism=waiter.mechanism,
                wait=wait,
                active=active,
            )
            samples.setdefault(about, []).append((part,))
            if wait is Wait.BLOCKING:
                # An edge comes once, so its reader goes on until there is nothing (epoll(7)).
                edge = waiter.mechanism is Mechanism.EDGE
                event = Cell(
                    name="readiness.event",
                    descriptors=len(self._descriptors),
                    mechanism=waiter.mechanism,
                    active=active,
                )
                each = (part.per(active), one, *((empty,) if edge else ()))
                samples.setdefault(event, []).append(each)

    def _reads(self) -> tuple[Part, Part]:
        """A read that gets a message, and one that gets nothing. What was read is written again."""
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
        return full.per(len(some)), empty.per(len(some))
