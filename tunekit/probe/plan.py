"""How a load is laid out over processes and listeners, before anything is started."""

from __future__ import annotations

from dataclasses import dataclass

from tunekit.errors import ProbeRefused, UsageError
from tunekit.kernel import costs
from tunekit.probe import addresses, tokens
from tunekit.probe.load import Load

_SMALLEST = 500
_LARGEST = 20_000
MAX_PAIRS = 1 << tokens.SHARD_BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The connections of each pair of shards, and what each of its processes takes.

    `listeners` are those of one server, `first_listener` the serial number of a pair's first.
    """

    connections: tuple[int, ...]
    listeners: int
    nofile: int

    def first_listener(self, pair: int) -> int:
        """The serial number of a pair's first listener."""
        return pair * self.listeners

    def shares(self, pair: int) -> list[int]:
        """The connections that each listener of a pair gets."""
        return addresses.spread(self.connections[pair], self.listeners)


def lay_out(load: Load, *, hard: int, ceiling: int, ports: int, cpus: int) -> Layout:
    """Spread a load over as many pairs of processes as its descriptors need.

    `hard` is the descriptor limit of each process as it is, `ceiling` what it may be raised to,
    `ports` the size of the local port range. Raises ProbeRefused when the given number of
    processes is too small for that.
    """
    if load.connections < 1:
        raise UsageError("a load has at least one connection", key=str(load.connections))
    if load.processes is not None and load.processes < 1:
        raise UsageError("a load has at least one process", key=str(load.processes))
    limit = min(load.nofile or hard, max(hard, ceiling))
    room = costs.per_process(limit, ports)
    if room < 1:
        raise ProbeRefused(
            f"a limit of {limit} descriptors a process leaves none for connections",
            key="rlimit.nofile",
            hint="ulimit -n 1024",
        )
    if load.processes is None:
        pairs = max(1, -(-load.connections // min(room, _LARGEST)))
        # Work for every processor, and as much for each: at a few hundred connections not worth it.
        if load.connections >= _SMALLEST * cpus:
            pairs = -(-pairs // cpus) * cpus
    else:
        pairs = min(load.processes, load.connections)
    if pairs > MAX_PAIRS:
        raise ProbeRefused(
            f"{load.connections} connections at {limit} descriptors a process take {pairs} "
            f"pairs of processes; {MAX_PAIRS} is the most",
            key="rlimit.nofile",
            hint=f"ulimit -n {4 * limit}",
        )
    share = -(-load.connections // pairs)
    listeners = addresses.listeners_for(share, ports)
    needed = share + listeners + costs.SPARE_DESCRIPTORS
    if needed > limit:
        raise ProbeRefused(
            f"{share} connections in one process take {needed} descriptors, its limit is {limit}",
            key="rlimit.nofile",
            hint=f"ulimit -n {needed}, or {-(-load.connections // room)} processes",
        )
    return Layout(
        connections=tuple(addresses.spread(load.connections, pairs)),
        listeners=listeners,
        nofile=limit if limit <= 4 * _LARGEST else max(needed, 4 * _LARGEST),
    )
