"""The whole study: each family, each size in several passes, and what came of it as figures."""

from __future__ import annotations

import contextlib
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tunekit.errors import ProbeRefused, ReadFailed
from tunekit.kernel import counters
from tunekit.kernel.capacity_facts import gather
from tunekit.probe.load import Family
from tunekit.probe.model import Measurement
from tunekit.probe.readiness import echo, laws, limits, yardstick
from tunekit.probe.readiness.clock import Clock, Part
from tunekit.probe.readiness.ends import Ends, opened
from tunekit.probe.readiness.model import Cell, Mechanism, Study, parameters
from tunekit.probe.readiness.rounds import Rung, Samples
from tunekit.probe.readiness.waiters import EpollWaiter

WATCH_BYTES = 192
"""What epoll keeps of a watch: struct epitem 128, struct eppoll_entry 64 (fs/eventpoll.c, 6.18)."""
FILE_BYTES = 16
"""What it keeps of each file that any set watches: struct epitems_head."""
_WEIGHABLE = 10_000
"""A set that is smaller weighs less than the slabs of the rest of the host move meanwhile."""
_WEIGHED = 4
_SMALL = 0.25
"""Seconds of a visit that is always made."""
_NOT_QUIET = 0.1
"""The part of the samples that may be of a slow processor without a remark."""
_UNKNOWN = 1.0
"""Seconds that the first pass may wait for a quick processor."""
_PASSES_SHARE = 0.8
"""The part of a study's time that the passes have; the rest is for the servers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Figures, and remarks on what was left out and why."""

    measurements: tuple[Measurement, ...]
    notes: tuple[str, ...] = ()


def measure(
    study: Study,
    families: Sequence[Family],
    *,
    observe: Callable[[str], None],
    seed: int | None = None,
) -> Outcome:
    """Measure every mechanism at every size. Raises ProbeRefused when nothing can be opened."""
    figures: list[Measurement] = []
    notes: list[str] = []
    chance = random.Random(seed)
    begun = time.monotonic()
    with limits.settled() as cpu, Clock() as clock:
        everything: list[_Passes] = []
        ports = gather().ports or 0
        for number, family in enumerate(families, 1):
            top = limits.ceiling(family, study.memory_share)
            sizes = _fitting(study.descriptors, top, notes)
            observe(f"{family.name.lower()}: opening {sizes[-1]} connections")
            with opened(family, sizes[-1], cpu=cpu, ports=ports) as ends:
                if ends.obstacle:
                    top = limits.Ceiling(most=len(ends.sockets), why=ends.obstacle)
                    sizes = _fitting(sizes, top, notes)
                end = _share_of(study.seconds, begun, number / len(families) * _PASSES_SHARE)
                passes = _Passes(family, sizes, study, clock, chance)
                everything.append(passes)
                figures += _memory(family, ends.descriptors)
                passes.run(ends, end, observe)
                notes += passes.remarks()
        served = echo.measure(
            study.per_connection,
            families[0],
            rounds=study.samples,
            budget=limits.memory_budget(study.memory_share),
            cpu=cpu,
            ports=ports,
            chance=chance,
            clock=clock,
            observe=observe,
            end=_share_of(study.seconds, begun, 1.0),
        )
        figures += list(served)
        # Only now is it known how quick this processor is at its best.
        for passes in everything:
            figures += passes.figures()
        figures.append(
            Measurement(
                name="readiness.overhead",
                measured=clock.call,
                unit="s",
                note="getppid(2) in the same loop: about what Python adds to each call",
            )
        )
        notes += _slowness([part for passes in everything for part in passes.parts()], clock)
    if study.cross_check:
        figures += yardstick.measure(observe=observe)
    return Outcome(measurements=tuple(figures), notes=tuple(dict.fromkeys(notes)))


def _slowness(parts: Sequence[Part], clock: Clock) -> Iterator[str]:
    """A remark where the processor was not as quick all the time as it was at its best."""
    share = sum(map(clock.is_slow, parts)) / len(parts)
    if share > _NOT_QUIET:
        yield (
            f"the processor was slow in {share:.0%} of the samples, as others use it too: their "
            "times are scaled to its best; those of 1,000 descriptors and more, which depend on "
            "the memory as well, may differ in another run"
        )


def _fitting(sizes: Sequence[int], top: limits.Ceiling, notes: list[str]) -> tuple[int, ...]:
    """The sizes under a ceiling; a remark is added for those that are not."""
    fitting, remark = limits.cut(sizes, top)
    if not fitting:
        raise ProbeRefused("no connection can be watched here", hint=top.why)
    notes += [remark] if remark else []
    return fitting


def _share_of(seconds: float | None, begun: float, share: float) -> float:
    """When a part of the study is to be over, on the monotonic clock."""
    return begun + (math.inf if seconds is None else seconds * share)


class _Passes:
    """The passes over one family's sizes, and what was collected in them."""

    def __init__(
        self,
        family: Family,
        sizes: Sequence[int],
        study: Study,
        clock: Clock,
        chance: random.Random,
    ) -> None:
        self._family = family
        self._sizes = sizes
        self._study = study
        self._clock = clock
        self._chance = chance
        self._visits = dict.fromkeys(sizes, 0)
        self._samples: Samples = {}
        self._refused: dict[tuple[Mechanism, int], str] = {}

    def run(self, ends: Ends, end: float, observe: Callable[[str], None]) -> None:
        """Do the passes. A size that would not be over by `end` is left out of one; the small ones
        always fit, and keep all of their rounds.
        """
        took: dict[int, float] = {}
        for number in range(self._study.passes):
            observe(f"{self._family.name.lower()}: pass {number + 1} of {self._study.passes}")
            slack = self._slack(took, end, self._study.passes - number)
            for size in self._sizes:
                start = time.monotonic()
                needed = _expected(size, took)
                if needed > _SMALL and start + needed > end:
                    continue
                patience = self._clock.patience = slack * size / sum(self._sizes)
                self._visit(ends, size)
                waited = patience - self._clock.patience
                took[size] = time.monotonic() - start - waited

    def _slack(self, took: Mapping[int, float], end: float, passes: int) -> float:
        """The seconds that a pass may wait for a quick processor, with so many to do."""
        work = sum(took.values())
        if not work:
            return _UNKNOWN
        return max(0.0, min(work, (end - time.monotonic()) / passes - work))

    def _visit(self, ends: Ends, size: int) -> None:
        rung = Rung(ends, size, self._clock, self._chance)
        with rung.watching():
            found = rung.measure(self._study.shares, self._study.rounds)
        for cell, values in found.items():
            self._samples.setdefault(cell, []).extend(values)
        for mechanism, why in rung.refused.items():
            self._refused[(mechanism, size)] = why
        self._visits[size] += 1

    def parts(self) -> Iterator[Part]:
        """All that was timed."""
        for samples in self._samples.values():
            for sample in samples:
                yield from sample

    def remarks(self) -> Iterator[str]:
        """Which sizes were left out of some passes, for want of time."""
        short = {
            size: visits for size, visits in self._visits.items() if visits < self._study.passes
        }
        if short:
            sizes = ", ".join(map(str, short))
            fewest = min(short.values()) * (self._study.rounds - 1)
            yield (
                f"{self._family.name.lower()}: of {sizes} descriptors there are as few as {fewest} "
                "samples, since this machine is slow; --rounds waits for all"
            )

    def figures(self) -> Iterator[Measurement]:
        """What was collected, and what no mechanism would do, by mechanism."""
        at_best = self._clock.at_best
        taken = {cell: list(map(at_best, values)) for cell, values in self._samples.items()}
        medians = {cell: statistics.median(values) for cell, values in taken.items()}
        predicted = laws.predict(medians)
        order = list(Mechanism)
        for cell in sorted(medians, key=lambda cell: order.index(cell.mechanism or order[0])):
            yield Measurement(
                name=cell.name,
                measured=medians[cell],
                predicted=predicted.get(cell),
                unit="s",
                parameters=parameters(cell, self._family),
                # To a tenth of a nanosecond: more digits say nothing and fill a document.
                samples=tuple(round(value, 10) for value in taken[cell]),
            )
        for (mechanism, size), why in self._refused.items():
            cell = Cell(name="readiness.wait", descriptors=size, mechanism=mechanism)
            yield Measurement(
                name=cell.name,
                measured=None,
                unit="s",
                parameters=parameters(cell, self._family),
                note=f"{mechanism.value} cannot watch {size}: {why}",
            )


def _expected(size: int, took: Mapping[int, float]) -> float:
    """The seconds that a visit will take, by an earlier one, or by those of smaller sizes."""
    if size in took or not took:
        return took.get(size, 0.0)
    largest = max(took)
    return took[largest] * size / largest


def _memory(family: Family, descriptors: Sequence[int]) -> Iterator[Measurement]:
    """What the kernel keeps of each watched descriptor between two calls, by its slabs.

    Done once and before other sets: what those had is freed later than it is asked for again.
    """
    if len(descriptors) < _WEIGHABLE:
        return
    with contextlib.suppress(ReadFailed, KeyError, OSError), contextlib.ExitStack() as stack:
        before = counters.memory()["Slab"]
        for _ in range(_WEIGHED):
            stack.callback(EpollWaiter(descriptors, edge=False).close)
        grown = counters.memory()["Slab"] - before
        cell = Cell(
            name="readiness.memory", descriptors=len(descriptors), mechanism=Mechanism.LEVEL
        )
        yield Measurement(
            name=cell.name,
            measured=grown / len(descriptors) / _WEIGHED,
            predicted=WATCH_BYTES + FILE_BYTES / _WEIGHED,
            unit="B",
            parameters=parameters(cell, family),
            note=f"what the host's slabs grew by, a watch, in {_WEIGHED} sets of all of them",
        )
