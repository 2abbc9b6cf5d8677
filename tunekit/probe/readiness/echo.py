"""A message there and back through a server: one loop beside a thread or a process a connection.

The time that passes is measured, from the first write to the last echo, with both ends on one
processor: what it costs altogether, context switches included, and not what more processors make
of it. Python's threads take turns at one lock, which here they would do anyway.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from tunekit.errors import ProbeRefused, ReadFailed
from tunekit.kernel import footprint
from tunekit.probe.load import Family
from tunekit.probe.model import Measurement
from tunekit.probe.readiness.clock import Clock, Part
from tunekit.probe.readiness.ends import Ends, opened
from tunekit.probe.readiness.model import Cell, Mechanism, parameters

SERVERS = (Mechanism.POLL, Mechanism.LEVEL, Mechanism.THREAD, Mechanism.PROCESS)
MOST = 2000
"""Threads or processes at most: more are no way to serve connections, and take a while."""

_GUESSED = {Mechanism.THREAD: 64 * 1024, Mechanism.PROCESS: 1024 * 1024}
_LOOKED_AT = 20
_SINGLES = 9


def measure(
    sizes: Sequence[int],
    family: Family,
    *,
    rounds: int,
    budget: int | None,
    cpu: int,
    ports: int,
    chance: random.Random,
    clock: Clock,
    observe: Callable[[str], None],
    end: float,
) -> Iterator[Measurement]:
    """Measure each server at each size that fits into `budget` bytes of memory; what would not be
    over by `end`, on the monotonic clock, is left out and said to be.
    """
    weight = dict(_GUESSED)
    took: dict[Mechanism, float] = {}
    for size in sizes:
        for mechanism in SERVERS:
            start = time.monotonic()
            observe(f"{family.name.lower()}: {size} connections, {mechanism.value}")
            cell = Cell(name="readiness.echo", descriptors=size, mechanism=mechanism)
            if start + took.get(mechanism, 0.0) * size > end:
                yield _refused(cell, family, "there was no time left; this machine is busy")
                continue
            needed = size * weight.get(mechanism, 0)
            if budget is not None and needed > budget:
                why = f"it would take {needed >> 20} MiB, and {budget >> 20} MiB may be taken"
                yield _refused(cell, family, why)
                continue
            try:
                with opened(family, size, cpu=cpu, ports=ports) as ends:
                    if ends.obstacle:
                        raise ProbeRefused(ends.obstacle)
                    ends.serve(mechanism)
                    if mechanism in weight:
                        each = _weigh(mechanism, ends)
                        weight[mechanism] = each or weight[mechanism]
                        yield _memory(cell, family, each)
                    yield from _rounds(cell, family, ends, rounds, chance, clock)
            except ProbeRefused as error:
                yield _refused(cell, family, error.message)
            took[mechanism] = (time.monotonic() - start) / size


def _rounds(
    cell: Cell, family: Family, ends: Ends, rounds: int, chance: random.Random, clock: Clock
) -> Iterator[Measurement]:
    for each in ends.sockets:
        each.setblocking(True)
    descriptors = ends.descriptors
    samples: dict[int, list[Part]] = {active: [] for active in (1, cell.descriptors)}
    # In turns, so that a moment in which others are busy does not meet all rounds of one.
    for _ in range(rounds + 1):
        for active, taken in samples.items():
            taken.append(_sample(descriptors, active, chance, clock))
    for active, taken in samples.items():
        kept = [clock.at_best((part,)) for part in taken[1:]]
        about = Cell(
            name=cell.name,
            descriptors=cell.descriptors,
            mechanism=cell.mechanism,
            active=active,
        )
        yield Measurement(
            name=cell.name,
            measured=statistics.median(kept),
            unit="s",
            parameters=parameters(about, family),
            samples=tuple(round(value, 10) for value in kept),
        )


def _sample(descriptors: Sequence[int], active: int, chance: random.Random, clock: Clock) -> Part:
    """One message: of a single one, that of the middle one of several."""
    parts = [
        clock.passed(partial(_exchange, chance.sample(descriptors, active))).per(active)
        for _ in range(_SINGLES if active == 1 else 1)
    ]
    return sorted(parts, key=lambda part: clock.at_best((part,)))[len(parts) // 2]


def _exchange(descriptors: Sequence[int]) -> None:
    """Send a message on each and wait for each echo."""
    read, write = os.read, os.write
    for each in descriptors:
        write(each, b"x")
    for each in descriptors:
        if not read(each, 64):
            raise ProbeRefused("the server ended")


def _weigh(mechanism: Mechanism, ends: Ends) -> int | None:
    """The bytes that each connection's thread or process takes; None where it cannot be read."""
    try:
        stack = footprint.kernel_stack() or 0
        if mechanism is Mechanism.PROCESS:
            some = footprint.children(ends.far.pid)[-_LOOKED_AT:]
            return round(statistics.mean(map(footprint.private, some))) + stack if some else None
        all_of_them = footprint.private(ends.far.pid)
        return max(0, all_of_them - ends.private_before) // len(ends.sockets) + stack
    except ReadFailed:
        return None


def _memory(cell: Cell, family: Family, each: int | None) -> Measurement:
    about = Cell(name="readiness.memory", descriptors=cell.descriptors, mechanism=cell.mechanism)
    return Measurement(
        name=about.name,
        measured=each,
        unit="B",
        parameters=parameters(about, family),
        note="pages of its own, page tables and a kernel stack, beside the connection's memory",
    )


def _refused(cell: Cell, family: Family, why: str) -> Measurement:
    mechanism = cell.mechanism.value if cell.mechanism else ""
    return Measurement(
        name=cell.name,
        measured=None,
        unit="s",
        parameters=parameters(cell, family),
        note=f"{mechanism} cannot serve {cell.descriptors}: {why}",
    )
