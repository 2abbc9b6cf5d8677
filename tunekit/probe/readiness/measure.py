"""The whole study: each family, each size in several passes, and what came of it as figures."""

from __future__ import annotations

import contextlib
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tunekit.errors import ProbeRefused, ReadFailed
from tunekit.kernel import counters
from tunekit.kernel.capacity_facts import gather
from tunekit.probe.load import Family
from tunekit.probe.model import Measurement
from tunekit.probe.readiness import echo, laws, limits
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
        for family in families:
            sizes, remark = limits.cut(
                study.descriptors, limits.ceiling(family, study.memory_share)
            )
            notes += [remark] if remark else []
            if not sizes:
                raise ProbeRefused("no descriptor can be watched here", hint=remark)
            observe(f"{family.name.lower()}: opening {sizes[-1]} connections")
            ports = gather().ports or 0
            with opened(family, sizes[-1], cpu=cpu, ports=ports) as ends:
                if ends.obstacle:
                    top = limits.Ceiling(most=len(ends.sockets), why=ends.obstacle)
                    sizes, remark = limits.cut(sizes, top)
                    notes.append(remark)
                    if not sizes:
                        raise ProbeRefused("no connection over loopback", hint=ends.obstacle)
                figures += _family(family, sizes, study, ends, clock, chance, observe)
            figures += echo.measure(
                [size for size in study.per_connection if size <= sizes[-1]],
                family,
                rounds=study.samples,
                budget=limits.memory_budget(study.memory_share),
                cpu=cpu,
                ports=ports,
                chance=chance,
                observe=observe,
            )
    return Outcome(measurements=tuple(figures), notes=tuple(notes))


def _family(
    family: Family,
    sizes: Sequence[int],
    study: Study,
    ends: Ends,
    clock: Clock,
    chance: random.Random,
    observe: Callable[[str], None],
) -> Iterator[Measurement]:
    samples: Samples = {}
    refused: dict[tuple[Mechanism, int], str] = {}
    for number in range(study.passes):
        observe(f"{family.name.lower()}: pass {number + 1} of {study.passes}")
        for size in sizes:
            rung = Rung(ends, size, clock, chance)
            with rung.watching():
                for cell, values in rung.measure(study.shares, study.rounds).items():
                    samples.setdefault(cell, []).extend(values)
            for mechanism, why in rung.refused.items():
                refused[(mechanism, size)] = why
    medians = {cell: statistics.median(values) for cell, values in samples.items()}
    predicted = laws.predict(medians)
    order = list(Mechanism)
    for cell, values in sorted(
        samples.items(), key=lambda item: order.index(item[0].mechanism or Mechanism.LEVEL)
    ):
        yield Measurement(
            name=cell.name,
            measured=medians[cell],
            predicted=predicted.get(cell),
            unit="s",
            parameters=parameters(cell, family),
            samples=tuple(_rounded(value) for value in values),
        )
    for (mechanism, size), why in refused.items():
        cell = Cell(name="readiness.wait", descriptors=size, mechanism=mechanism)
        yield Measurement(
            name=cell.name,
            measured=None,
            unit="s",
            parameters=parameters(cell, family),
            note=f"{mechanism.value} cannot watch {size}: {why}",
        )
    yield from _memory(family, ends.descriptors)


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


def _rounded(seconds: float) -> float:
    """To a tenth of a nanosecond: more digits say nothing and fill a document."""
    return round(seconds, 10)
