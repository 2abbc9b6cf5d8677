"""The whole study: each family, each size in several passes, and what came of it as figures."""

from __future__ import annotations

import contextlib
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tunekit.errors import ProbeRefused, ReadFailed
from tunekit.kernel import counters
from tunekit.kernel.capacity_facts import gather
from tunekit.probe.load import Family
from tunekit.probe.model import Measurement
from tunekit.probe.readiness import echo, laws, limits, yardstick
from tunekit.probe.readiness.ends import Ends, opened
from tunekit.probe.readiness.model import Cell, Mechanism, Study, parameters
from tunekit.probe.readiness.rounds import Clock, Rung, Samples
from tunekit.probe.readiness.waiters import EpollWaiter

WATCH_BYTES = 208
"""What epoll keeps of a watched descriptor: struct epitem 128, struct eppoll_entry 64, struct
epitems_head 16 (fs/eventpoll.c, Linux 6.18).
"""
_WEIGHABLE = 10_000
"""A set that is smaller weighs less than the slabs of the rest of the host move meanwhile."""
_WEIGHED = 9
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
    with limits.settled() as cpu:
        clock = Clock()
        figures.append(
            Measurement(
                name="readiness.overhead",
                measured=clock.call / 1e9,
                unit="s",
                note="getppid(2) in the same loop: about what Python adds to each call below",
            )
        )
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
                passes.run(ends, end, observe)
                figures += passes.figures()
                figures += _memory(family, ends.descriptors)
                if passes.done < study.passes:
                    notes.append(
                        f"{family.name.lower()}: {passes.done} of {study.passes} passes, so "
                        f"{passes.done * (study.rounds - 1)} samples: this machine is busy; give "
                        "--rounds to wait for all"
                    )
        figures += echo.measure(
            study.per_connection,
            families[0],
            rounds=study.samples,
            budget=limits.memory_budget(study.memory_share),
            cpu=cpu,
            ports=ports,
            chance=chance,
            observe=observe,
            end=_share_of(study.seconds, begun, 1.0),
        )
    if study.cross_check:
        figures += yardstick.measure(observe=observe)
    return Outcome(measurements=tuple(figures), notes=tuple(dict.fromkeys(notes)))


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
    """The passes over one family's sizes, and what was collected in those that are `done`."""

    def __init__(
        self,
        family: Family,
        sizes: Sequence[int],
        study: Study,
        clock: Clock,
        chance: random.Random,
    ) -> None:
        self.done = 0
        self._family = family
        self._sizes = sizes
        self._study = study
        self._clock = clock
        self._chance = chance
        self._samples: Samples = {}
        self._refused: dict[tuple[Mechanism, int], str] = {}

    def run(self, ends: Ends, end: float, observe: Callable[[str], None]) -> None:
        """Do the passes; none is begun that would not be over by `end`, but the first."""
        took = 0.0
        while self.done < self._study.passes:
            start = time.monotonic()
            if self.done and start + took > end:
                return
            observe(f"{self._family.name.lower()}: pass {self.done + 1} of {self._study.passes}")
            for size in self._sizes:
                rung = Rung(ends, size, self._clock, self._chance)
                with rung.watching():
                    found = rung.measure(self._study.shares, self._study.rounds)
                for cell, values in found.items():
                    self._samples.setdefault(cell, []).extend(values)
                for mechanism, why in rung.refused.items():
                    self._refused[(mechanism, size)] = why
            self.done += 1
            took = time.monotonic() - start

    def figures(self) -> Iterator[Measurement]:
        """What was collected, and what no mechanism would do, by mechanism."""
        medians = {cell: statistics.median(values) for cell, values in self._samples.items()}
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
                samples=tuple(round(value, 10) for value in self._samples[cell]),
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


def _memory(family: Family, descriptors: Sequence[int]) -> Iterator[Measurement]:
    """What the kernel keeps of each watched descriptor between two calls, by its slabs."""
    if len(descriptors) < _WEIGHABLE:
        return
    grown = []
    with contextlib.suppress(ReadFailed):
        for _ in range(_WEIGHED):
            before = counters.memory()["Slab"]
            with contextlib.closing(EpollWaiter(descriptors, edge=False)):
                grown.append((counters.memory()["Slab"] - before) / len(descriptors))
    if not grown:
        return
    cell = Cell(name="readiness.memory", descriptors=len(descriptors), mechanism=Mechanism.LEVEL)
    yield Measurement(
        name=cell.name,
        measured=statistics.median(grown),
        predicted=WATCH_BYTES,
        unit="B",
        parameters=parameters(cell, family),
        samples=tuple(round(each, 1) for each in grown),
        note="what all slabs of the host grew by, for each watched descriptor",
    )
