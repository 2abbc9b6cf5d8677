"""The ladder of a load that this host puts on itself: what `verify` will meet.

Pure: every limit on the way, from facts. Both ends are on this host, the servers watch their ends
with epoll, and each pair of processes has its share of the connections. What a service meets, with
one end here, is in `tunekit.check.service`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tunekit.check import arrivals
from tunekit.check.ladder import Forecast, Rung, unknown
from tunekit.kernel.capacity_facts import CapacityFacts
from tunekit.kernel.cgroups import CgroupLimit
from tunekit.kernel.costs import (
    BYTES_PER_CLIENT_END,
    BYTES_PER_CONNECTION,
    BYTES_PER_UNIX_CONNECTION,
    CHARGED_PER_CONNECTION,
    CHARGED_PER_PROCESS,
    FILES_PER_PROCESS,
    per_listener,
    per_process,
)

_LARGEST_SHARE = 20_000
_LOOPBACK_ADDRESSES = 253 << 16
_USUAL_PORTS = 28_232
_OPEN_FILES = {
    1: "each connection is an open file",
    2: "both ends of a connection are open files",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The connections that are wanted, and how they will be opened.

    `processes` is the number of pairs, None for as many as the descriptors need. `nofile` is the
    descriptor limit that each process will set, None for the hard limit as it is. `memory_share`
    is the part of the available memory that they may take. `destinations` is the number of
    (address, port) pairs to connect to, None for as many as it takes; `in_flight` the unanswered
    messages of `payload` bytes at any time. `ends` is 2 when both ends of a connection are on this
    host, 1 when the servers are on another. `rate` connections a second are begun, whether or not
    those before are accepted; None begins each after another. `unix` asks for Unix sockets, which
    no limit of TCP or IP concerns.
    """

    connections: int
    processes: int | None = None
    nofile: int | None = None
    memory_share: float = 0.5
    destinations: int | None = None
    in_flight: int = 512
    payload: int = 8
    ends: int = 2
    rate: float | None = None
    unix: bool = False

    @property
    def bytes_each(self) -> int:
        """The kernel memory that a connection takes on this host."""
        if self.unix:
            return BYTES_PER_UNIX_CONNECTION
        return BYTES_PER_CONNECTION if self.ends == 2 else BYTES_PER_CLIENT_END


def forecast(demand: Demand, facts: CapacityFacts) -> Forecast:
    """Lay the ladder for a demand, in the order in which the limits are met."""
    return Forecast(wanted=demand.connections, rungs=tuple(_rungs(demand, facts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """How a demand would be laid out over processes."""

    pairs: int
    share: int
    room: int
    listeners: int

    @classmethod
    def of(cls, demand: Demand, facts: CapacityFacts) -> _Shape:
        limit = demand.nofile or facts.nofile_hard
        ports = facts.ports or _USUAL_PORTS
        room = per_process(limit, ports)
        pairs = demand.processes or max(
            1, -(-demand.connections // max(1, min(room, _LARGEST_SHARE)))
        )
        share = -(-demand.connections // pairs)
        return cls(
            pairs=pairs, share=share, room=room, listeners=-(-share // per_listener(ports)) * pairs
        )


def _rungs(demand: Demand, facts: CapacityFacts) -> Iterator[Rung]:
    shape = _Shape.of(demand, facts)
    yield from _descriptors(demand, facts, shape)
    yield _files(demand, facts, shape)
    if not demand.unix:
        yield _ports(demand, facts)
    yield _memory(demand, facts)
    if facts.cgroup_memory is not None:
        yield _cgroup_memory(demand, facts.cgroup_memory, shape)
    if not demand.unix:
        yield _tcp_memory(demand, facts)
    if demand.ends == 2:
        yield _watches(demand, facts, shape)
    if facts.conntrack_max and not demand.unix:
        yield _conntrack(demand, facts, facts.conntrack_max)
    yield _processes(demand, facts, shape)
    if facts.cgroup_pids is not None:
        yield _cgroup_pids(demand, facts.cgroup_pids, shape)
    if demand.ends == 2:
        yield _accept_queue(demand, facts, shape)


def _descriptors(demand: Demand, facts: CapacityFacts, shape: _Shape) -> Iterator[Rung]:
    limit = demand.nofile or facts.nofile_hard
    needed = shape.share + 64
    out_of_reach = limit > facts.nofile_hard and not facts.may_raise_nofile
    yield Rung(
        limit="rlimit.nofile",
        value=facts.nofile_hard if out_of_reach else limit,
        allows=_bounded(
            demand,
            shape,
            per_process(facts.nofile_hard if out_of_reach else limit, _ports_of(facts)),
        ),
        why=f"{shape.pairs} pairs of processes with {shape.share} connections each",
        remedy=f"ulimit -n {needed}" if needed > min(limit, facts.nofile_hard) else "",
    )
    if facts.nr_open is not None:
        yield Rung(
            limit="fs.nr_open",
            value=facts.nr_open,
            allows=_bounded(demand, shape, per_process(facts.nr_open, _ports_of(facts))),
            why="no process may have a higher limit, root included",
            remedy=f"sysctl -w fs.nr_open={needed}" if needed > facts.nr_open else "",
        )


def _bounded(demand: Demand, shape: _Shape, room: int) -> int | None:
    """What a room for each process comes to: without bound when there may be more processes."""
    if demand.processes is not None:
        return room * demand.processes
    return None if room else 0


def _ports_of(facts: CapacityFacts) -> int:
    return _USUAL_PORTS if facts.ports is None else facts.ports


def _files(demand: Demand, facts: CapacityFacts, shape: _Shape) -> Rung:
    others = demand.ends * shape.pairs * FILES_PER_PROCESS + shape.listeners
    if facts.file_max is None or facts.files_open is None:
        return unknown("fs.file-max")
    allows = max(0, (facts.file_max - facts.files_open - others) // demand.ends)
    needed = facts.files_open + demand.ends * demand.connections + others + 65536
    return Rung(
        limit="fs.file-max",
        value=facts.file_max,
        used=facts.files_open,
        allows=allows,
        why=f"{_OPEN_FILES[demand.ends]} of this host; root may pass the limit",
        remedy=f"sysctl -w fs.file-max={needed}" if allows < demand.connections else "",
    )


def _ports(demand: Demand, facts: CapacityFacts) -> Rung:
    if facts.ports is None:
        return unknown("net.ipv4.ip_local_port_range")
    where = _LOOPBACK_ADDRESSES if demand.destinations is None else demand.destinations
    allows = facts.ports * where
    return Rung(
        limit="net.ipv4.ip_local_port_range",
        value=facts.ports,
        allows=allows,
        why=f"{facts.ports} source ports for each address and port connected to",
        remedy='sysctl -w net.ipv4.ip_local_port_range="16384 65535"'
        if allows < demand.connections
        else "",
    )


def _memory(demand: Demand, facts: CapacityFacts) -> Rung:
    if facts.memory_available is None:
        return unknown("memory")
    share = int(facts.memory_available * demand.memory_share)
    allows = share // demand.bytes_each
    return Rung(
        limit="memory",
        value=share,
        allows=allows,
        why=f"{demand.bytes_each} bytes a connection, of {demand.memory_share:.0%} of the "
        "memory that is available",
        remedy="add memory, stop what takes it, or --force" if allows < demand.connections else "",
    )


def _cgroup_memory(demand: Demand, limit: CgroupLimit, shape: _Shape) -> Rung:
    loopback = demand.ends == 2 and not demand.unix
    each = CHARGED_PER_CONNECTION if loopback else demand.bytes_each
    # The processes, and the one that leads them.
    others = (demand.ends * shape.pairs + 1) * CHARGED_PER_PROCESS
    allows = max(0, limit.left - others) // each
    needed = limit.used + (others + demand.connections * each) * 5 // 4
    return Rung(
        limit="memory cgroup",
        value=limit.limit,
        used=limit.used,
        allows=allows,
        why=f"{each} bytes a connection, and the processes, count towards {limit.path}",
        remedy=f"echo {needed} > {limit.path}" if allows < demand.connections else "",
    )


def _tcp_memory(demand: Demand, facts: CapacityFacts) -> Rung:
    if len(facts.tcp_mem) != 3:
        return unknown("net.ipv4.tcp_mem")
    low, _, high = facts.tcp_mem
    used = facts.tcp_mem_used or 0
    # Either end charges a page at least, and for more than a page about twice what it holds.
    each = 2 * (1 + 2 * demand.payload // facts.page_size)
    wanted = each * min(demand.in_flight, demand.connections)
    fits = high - used >= wanted
    return Rung(
        limit="net.ipv4.tcp_mem",
        value=high,
        used=used,
        allows=None if fits else max(0, high - used) // each,
        why=f"idle connections take none; {wanted} pages for the messages in flight",
        remedy=""
        if fits
        else f'sysctl -w net.ipv4.tcp_mem="{max(low, wanted)} {2 * wanted} {4 * wanted}"',
    )


def _watches(demand: Demand, facts: CapacityFacts, shape: _Shape) -> Rung:
    if facts.max_user_watches is None:
        return unknown("fs.epoll.max_user_watches")
    others = shape.listeners + shape.pairs
    allows = max(0, facts.max_user_watches - others)
    needed = demand.connections + others + 65536
    return Rung(
        limit="fs.epoll.max_user_watches",
        value=facts.max_user_watches,
        allows=allows,
        why="one watch for each connection of the user's, at its server",
        remedy=f"sysctl -w fs.epoll.max_user_watches={needed}"
        if allows < demand.connections
        else "",
    )


def _conntrack(demand: Demand, facts: CapacityFacts, maximum: int) -> Rung:
    used = facts.conntrack_count or 0
    if not used:
        # The hooks are there only once a rule needs them (nf_ct_netns_get), and what is tracked
        # then on a live host is never nothing.
        return Rung(
            limit="net.netfilter.nf_conntrack_max",
            value=maximum,
            used=0,
            why="nothing is tracked in this network namespace",
        )
    allows = max(0, maximum - used)
    needed = used + demand.connections * 5 // 4
    return Rung(
        limit="net.netfilter.nf_conntrack_max",
        value=maximum,
        used=used,
        allows=allows,
        why="tracked once each, if a firewall rule tracks loopback",
        remedy=f"sysctl -w net.netfilter.nf_conntrack_max={needed}"
        if allows < demand.connections
        else "",
    )


def _processes(demand: Demand, facts: CapacityFacts, shape: _Shape) -> Rung:
    if facts.pid_max is None or facts.tasks is None:
        return unknown("kernel.pid_max")
    pairs = max(0, facts.pid_max - facts.tasks) // demand.ends
    needed = facts.tasks + demand.ends * shape.pairs + 1024
    return Rung(
        limit="kernel.pid_max",
        value=facts.pid_max,
        used=facts.tasks,
        allows=_in_pairs(demand, shape, pairs),
        why=f"{demand.ends * shape.pairs} processes are needed",
        remedy=f"sysctl -w kernel.pid_max={needed}" if pairs < shape.pairs else "",
    )


def _cgroup_pids(demand: Demand, limit: CgroupLimit, shape: _Shape) -> Rung:
    pairs = limit.left // demand.ends
    return Rung(
        limit="pids cgroup",
        value=limit.limit,
        used=limit.used,
        allows=_in_pairs(demand, shape, pairs),
        why=f"{demand.ends * shape.pairs} processes are needed",
        remedy=f"echo {limit.used + demand.ends * shape.pairs + 64} > {limit.path}"
        if pairs < shape.pairs
        else "",
    )


def _in_pairs(demand: Demand, shape: _Shape, pairs: int) -> int:
    """The connections that so many pairs hold; a given number of pairs takes all or nothing."""
    if demand.processes is not None:
        return demand.connections if pairs >= shape.pairs else 0
    return pairs * min(shape.room, _LARGEST_SHARE)


def _accept_queue(demand: Demand, facts: CapacityFacts, shape: _Shape) -> Rung:
    if facts.somaxconn is None:
        return unknown("net.core.somaxconn")
    if demand.unix:
        why = "a connect to a full queue waits its turn"
    else:
        why = "bounds what waits to be accepted, not what is open"
    if demand.rate is None or demand.unix:
        return Rung(limit="net.core.somaxconn", value=facts.somaxconn, why=why)
    waiting = arrivals.waiting(
        connections=demand.connections,
        listeners=shape.listeners,
        rate=demand.rate,
        servers=min(facts.cpus, shape.pairs),
    )
    queue = arrivals.room(facts.somaxconn)
    fits = waiting <= queue
    return Rung(
        limit="net.core.somaxconn",
        value=facts.somaxconn,
        allows=None if fits else queue * shape.listeners,
        why=f"about {waiting} wait at a listener when {demand.rate:g} a second are begun",
        remedy="" if fits else f"sysctl -w net.core.somaxconn={max(4096, waiting)}",
    )
