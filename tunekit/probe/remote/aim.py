"""How a load on other hosts is laid out: which process connects where, from which address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tunekit.errors import ProbeRefused, UsageError
from tunekit.kernel import costs
from tunekit.probe import addresses
from tunekit.probe.load import Load
from tunekit.probe.remote.model import Endpoint, family_of
from tunekit.probe.remote.wire import MOST_CONNECTIONS, MOST_SHARDS, Share

_LARGEST = 20_000
_SMALLEST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where connections go, from which address (None for the kernel's choice), and how many."""

    target: Endpoint
    source: str | None
    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A load and the servers that it is for. `sources` are own addresses to connect from, empty
    for the kernel's choice; `secret` is what the servers ask for.
    """

    load: Load
    targets: tuple[Endpoint, ...]
    sources: tuple[str, ...] = ()
    secret: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if not self.targets:
            raise UsageError("no target to connect to", hint="give --target ADDR:PORT")
        if not len(self.targets) <= self.load.connections <= MOST_CONNECTIONS:
            raise UsageError(
                f"{self.load.connections} connections to {len(self.targets)} targets",
                hint=f"ask for at least one each, and for at most {MOST_CONNECTIONS}",
            )
        for source in self.sources:
            if family_of(source) is None:
                raise UsageError(
                    f"{source!r} is no address to connect from",
                    hint="give one of this host's own, in numbers: see `ip address`",
                )
        for target in self.targets:
            if self.sources and not self.sources_for(target):
                raise UsageError(
                    f"no --source is of the family of {target}",
                    hint="give one of this host's addresses of that family, or none at all",
                )

    def sources_for(self, target: Endpoint) -> tuple[str | None, ...]:
        """The addresses to connect to a target from."""
        own = tuple(each for each in self.sources if family_of(each) is target.family)
        return own if self.sources else (None,)

    @property
    def destinations(self) -> int:
        """The pairs of source and target, each of which has all source ports to itself."""
        return sum(len(self.sources_for(target)) for target in self.targets)

    def routes(self, target: Endpoint, connections: int) -> list[Route]:
        """Spread connections to a target over the sources."""
        sources = self.sources_for(target)
        counts = addresses.spread(connections, len(sources))
        return [
            Route(target=target, source=source, connections=count)
            for source, count in zip(sources, counts, strict=True)
            if count
        ]


def shares(aim: Aim, *, hard: int, cpus: int) -> list[Share]:
    """What each target gets, and over how many processes: as many as the descriptors need, and as
    the processors have use for. `hard` is the descriptor limit of each.
    """
    load = aim.load
    room = min(_LARGEST, (load.nofile or hard) - costs.SPARE_DESCRIPTORS)
    if room < 1:
        raise ProbeRefused(
            f"a limit of {load.nofile or hard} descriptors a process leaves none for connections",
            key="rlimit.nofile",
            hint="ulimit -n 1024",
        )
    counts = addresses.spread(load.connections, len(aim.targets))
    if load.processes is None:
        wanted = [_processes(count, room, cpus) for count in counts]
    else:
        wanted = [max(1, each) for each in addresses.spread(load.processes, len(counts))]
    parts = [
        Share(connections=count, shards=min(processes, count, MOST_SHARDS))
        for count, processes in zip(counts, wanted, strict=True)
    ]
    for part in parts:
        each = -(-part.connections // part.shards)
        if each > room:
            raise ProbeRefused(
                f"{each} connections in one process take {each + costs.SPARE_DESCRIPTORS} "
                f"descriptors, its limit is {load.nofile or hard}",
                key="rlimit.nofile",
                hint=f"ulimit -n {each + costs.SPARE_DESCRIPTORS}, or more --processes",
            )
    return parts


def sizes(parts: Sequence[Share]) -> tuple[int, ...]:
    """The connections of each process, target by target."""
    return tuple(size for part in parts for size in addresses.spread(part.connections, part.shards))


def _processes(connections: int, room: int, cpus: int) -> int:
    processes = max(1, -(-connections // room))
    if connections >= _SMALLEST * cpus:
        processes = -(-processes // cpus) * cpus
    return processes
