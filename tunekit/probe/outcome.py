"""Making one Proof of what the shards left in their ledgers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from tunekit.kernel.costs import BYTES_PER_CONNECTION
from tunekit.probe.histogram import Histogram
from tunekit.probe.ledger import Cell
from tunekit.probe.load import Load, Lost, Phase
from tunekit.probe.look import Look, difference
from tunekit.probe.model import Measurement, Scalar
from tunekit.probe.shard import Shard
from tunekit.probe.supervisor import Pair

QUANTILES = (0.5, 0.9, 0.99, 0.999)


def opened(pairs: Iterable[Pair]) -> int:
    """Connections that the clients established."""
    return sum(int(pair.ledger.cells[Cell.OPENED]) for pair in pairs)


def accepted(pairs: Iterable[Pair]) -> int:
    """Connections that the servers accepted and watched."""
    return sum(int(pair.ledger.cells[Cell.ACCEPTED]) for pair in pairs)


def proved(pairs: Iterable[Pair], round_: int) -> int:
    """Connections that both ends proved in a round."""
    return sum(pair.ledger.proved(round_) for pair in pairs)


def lost(
    pairs: Sequence[Pair], round_: int, ended_in: Phase, *, why: str = "timeout"
) -> tuple[Lost, ...]:
    """Account for every connection that is not among those of `proved`; `why` is what ended the
    load for those that nothing else did.
    """
    counts: Counter[tuple[Phase, str]] = Counter()
    for pair in pairs:
        mine: Counter[tuple[Phase, str]] = Counter()
        for phase, cause, count in pair.ledger.losses():
            mine[phase, "wrong token" if cause == "EBADMSG" else cause] += count
        missing = pair.ledger.connections - pair.ledger.proved(round_)
        unexplained = missing - mine.total()
        if unexplained > 0:
            mine[ended_in, _why(pair, ended_in, why)] += unexplained
        counts += mine
    return _sorted(counts)


def faults(pairs: Iterable[Pair]) -> tuple[Lost, ...]:
    """What the servers met, over all of them."""
    counts: Counter[tuple[Phase, str]] = Counter()
    for pair in pairs:
        for phase, cause, count in pair.ledger.faults():
            counts[phase, cause] += count
        if foreign := int(pair.ledger.cells[Cell.FOREIGN]):
            counts[Phase.PROVE, "wrong token"] += foreign
        if pair.server is not None and pair.server.died:
            counts[pair.server.ended_in, "killed"] += 1
    return _sorted(counts)


def backlog(pairs: Iterable[Pair]) -> int | None:
    """The smallest effective backlog of the listeners; None when none could be asked."""
    known = [int(cell) for pair in pairs if (cell := pair.ledger.cells[Cell.BACKLOG])]
    return min(known) - 1 if known else None


def listeners(pairs: Iterable[Pair]) -> int:
    """Listening sockets of all servers."""
    return sum(len(pair.ports) for pair in pairs)


def resident(shards: Sequence[Shard]) -> list[Measurement]:
    """Peak resident memory: the sum over all processes, and the largest. Pages that they share
    are counted for each.
    """
    sizes = [one.max_rss for one in shards]
    if not sizes:
        return []
    return [
        Measurement(
            name="memory.rss",
            measured=sum(sizes),
            unit="B",
            parameters={"of": "all", "processes": len(sizes)},
        ),
        Measurement(name="memory.rss", measured=max(sizes), unit="B", parameters={"of": "largest"}),
    ]


def _why(pair: Pair, ended_in: Phase, otherwise: str) -> str:
    if any(one.died for one in pair.shards):
        return "killed"
    if pair.client is None and ended_in is not Phase.START:
        return "not started"
    return otherwise


def _sorted(counts: Counter[tuple[Phase, str]]) -> tuple[Lost, ...]:
    order = tuple(Phase)
    return tuple(
        Lost(phase=phase, cause=cause, count=count)
        for (phase, cause), count in sorted(
            counts.items(), key=lambda item: (order.index(item[0][0]), item[0][1])
        )
    )


def causes(lost: Iterable[Lost]) -> list[Measurement]:
    """How many connections were lost, for each phase and cause."""
    return [
        Measurement(
            name="connections.lost",
            measured=one.count,
            unit="1",
            parameters={"phase": one.phase.value, "cause": one.cause},
        )
        for one in lost
    ]


def talk(load: Load, pairs: Sequence[Pair], seconds: float) -> list[Measurement]:
    """The rate and the latency of the messages that were echoed while holding."""
    count = sum(int(pair.ledger.cells[Cell.TALKED]) for pair in pairs)
    if not count or not seconds:
        return []
    about: dict[str, Scalar] = {
        "phase": Phase.HOLD.value,
        "payload": load.payload,
        "active": load.active,
    }
    return [
        Measurement(name="echo.rate", measured=count / seconds, unit="1/s", parameters=about),
        *latency("echo.latency", merged(pair.ledger.talk_latency for pair in pairs), **about),
    ]


def latency(name: str, histogram: Histogram, **parameters: Scalar) -> list[Measurement]:
    """The quantiles and the maximum of a histogram, in seconds; nothing for an empty one."""
    if not histogram.count:
        return []
    figures: list[tuple[float, int | None]] = [(q, histogram.quantile(q)) for q in QUANTILES]
    figures.append((1.0, histogram.maximum))
    return [
        Measurement(
            name=name, measured=value / 1e9, unit="s", parameters={"quantile": q, **parameters}
        )
        for q, value in figures
        if value is not None
    ]


def rate(
    name: str,
    count: int,
    seconds: Mapping[Phase, float],
    courses: Mapping[Phase, Sequence[tuple[float, int]]],
    phase: Phase,
    *,
    requested: float | None = None,
    **parameters: int,
) -> list[Measurement]:
    """Connections a second in a phase, with those of its first and last tenth where it took long
    enough to tell.
    """
    if not seconds.get(phase) or not count:
        return []
    course = courses.get(phase, ())
    figures = [
        Measurement(
            name=name,
            measured=count / seconds[phase],
            unit="1/s",
            parameters=parameters,
            requested=requested,
        )
    ]
    for part, low, high in (("first tenth", 0.0, 0.1), ("last tenth", 0.9, 1.0)):
        start, end = _when(course, low * count), _when(course, high * count)
        if start is not None and end is not None and end - start >= 0.5:
            figures.append(
                Measurement(
                    name=name,
                    measured=0.1 * count / (end - start),
                    unit="1/s",
                    parameters={"part": part, **parameters},
                )
            )
    return figures


def _when(course: Sequence[tuple[float, int]], count: float) -> float | None:
    """When so many were through, between two looks in proportion."""
    for (t0, n0), (t1, n1) in pairwise(course):
        if n0 <= count <= n1:
            return t0 + (t1 - t0) * ((count - n0) / (n1 - n0) if n1 > n0 else 0.0)
    return None


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """One histogram of all."""
    total = Histogram()
    for one in histograms:
        total.merge(one)
    return total


def memory(
    before: Look, loaded: Look, connections: int, each: int = BYTES_PER_CONNECTION
) -> list[Measurement]:
    """Bytes a connection, by what the slabs grew and by what is no longer available; the latter
    has the processes of the load in it. `each` is what was expected.
    """
    taken = {
        "slab": difference(before.slab, loaded.slab),
        "available": difference(loaded.available, before.available),
    }
    return [
        Measurement(
            name="memory.kernel_per_connection",
            measured=amount / connections,
            unit="B",
            parameters={"by": by},
            predicted=each if by == "slab" else None,
        )
        for by, amount in taken.items()
        if amount is not None and connections
    ]


def processor(shards: Sequence[Shard], connections: int) -> list[Measurement]:
    """User and system seconds of processor a connection, for each role, over the whole run."""
    figures = []
    for name, attribute in (("cpu.user", "user_seconds"), ("cpu.system", "system_seconds")):
        for role in sorted({one.role.value for one in shards}):
            spent = sum(getattr(one, attribute) for one in shards if one.role.value == role)
            figures.append(
                Measurement(
                    name=name,
                    measured=spent / connections,
                    unit="s/connection",
                    parameters={"role": role},
                )
            )
    return figures
