"""How a load is laid out over processes and listeners, before anything is started."""

from __future__ import annotations

from dataclasses import dataclass

from tunekit.errors import ProbeRefused, UsageError
from tunekit.kernel import costs
from tunekit.probe import addresses, tokens
from tunekit.probe.conversation import LARGEST
from tunekit.probe.load import Family, Load

_SMALLEST = 500
_LARGEST = 20_000
MAX_PAIRS = 1 << tokens.SHARD_BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The connections of each pair of shards, and what each of its processes takes.

    `listeners` are those of one server, `first_listener` the serial number of a pair's first.
    `in_flight` are the unanswered messages of a client.
    """

    connections: tuple[int, ...]
    listeners: int
    nofile: int
    in_flight: int = 64

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
    if load.payload < tokens.SIZE or load.payload > LARGEST:
        raise UsageError(
            f"a message has {tokens.SIZE} to {LARGEST} bytes: it begins with a token",
            key=str(load.payload),
        )
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
    listeners = load.listeners or addresses.listeners_for(share, ports)
    if load.family is Family.UNIX:
        listeners = 1
    needed = share + listeners + costs.SPARE_DESCRIPTORS
    if needed > limit and not load.force:
        raise ProbeRefused(
            f"{share} connections in one process take {needed} descriptors, its limit is {limit}",
            key="rlimit.nofile",
            hint=f"ulimit -n {needed}, or {-(-load.connections // room)} processes",
        )
    return Layout(
        connections=tuple(addresses.spread(load.connections, pairs)),
        listeners=listeners,
        nofile=limit if limit <= 4 * _LARGEST else max(needed, 4 * _LARGEST),
        in_flight=load.in_flight,
    )


def in_flight(load: Load, *, pages: int | None, page_size: int, clients: int) -> int:
    """The unanswered messages that each of so many clients may have: fewer than would bring TCP
    under memory pressure, which begins past tcp_mem[0], of which `pages` are free.
    """
    if pages is None or load.force or load.family is Family.UNIX:
        return load.in_flight
    # Each direction charges its socket's page, and for more than a page about twice the payload.
    each = 2 * (1 + 2 * load.payload // page_size)
    return max(1, min(load.in_flight, pages // (each * clients)))
