"""The ladder of a service: the limits between this host and N connections, one end of each here.

Pure: from facts. A service has a number of processes of its own, each with the descriptor limit
that it was given, where `verify` (tunekit.check.capacity) makes as many as it needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from tunekit import catalog
from tunekit.check import arrivals
from tunekit.check.footprint import Footprint, footprint
from tunekit.check.ladder import Forecast, Lift, Rung, unknown
from tunekit.kernel.capacity_facts import CapacityFacts
from tunekit.kernel.cgroups import CgroupLimit

_OWN_DESCRIPTORS = 64
"""What a process of a service opens beside its connections: logs, listeners, libraries."""
_OWN_WATCHES = 4
_ROOM_FOR_OTHERS = 65_536
_FIRST_PORT, _LAST_PORT = 1024, 65_535
_USUAL_LOW = 16_384
"""As in the ready profiles: most of what listens has a lower port."""
_WIDEST_QUEUE = 65_535


class Role(Enum):
    """Which end of its connections a service is."""

    SERVER = "server"
    CLIENT = "client"
    PROXY = "proxy"
    """Each connection in has one out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The service that is asked about.

    `connections` 0 asks how many are carried. `nofile` is the descriptor limit of each of the
    `processes`, None for the soft limit that a process started from here gets. The connections out
    go to so many `destinations` (address and port) from so many `sources` (addresses). `rate`
    connections a second begin at once, at one listener a process; None says nothing of it. The part
    `active` has data in its buffers at a time, `queued` bytes a socket; None for what the kernel
    begins with. `memory_share` is the part of the available memory that the service may take.
    """

    role: Role
    connections: int = 0
    processes: int = 1
    nofile: int | None = None
    destinations: int = 1
    sources: int = 1
    rate: float | None = None
    active: float = 0.01
    queued: int | None = None
    app_bytes: int = 0
    memory_share: float = 0.75

    @property
    def sockets(self) -> int:
        """The sockets of this host for each connection."""
        return 2 if self.role is Role.PROXY else 1

    @property
    def outgoing(self) -> int:
        """The connections out for each connection."""
        return 0 if self.role is Role.SERVER else 1

    @property
    def per_process(self) -> int:
        """The sockets of one process."""
        return self.sockets * -(-self.connections // self.processes)


def forecast(service: Service, facts: CapacityFacts) -> Forecast:
    """Lay the ladder for a service, in the order in which the limits are met."""
    memory = model(service, facts)
    return Forecast(wanted=service.connections, rungs=tuple(_rungs(service, facts, memory)))


def model(service: Service, facts: CapacityFacts) -> Footprint:
    """What the service's connections take of memory."""
    return footprint(
        facts,
        sockets=service.sockets,
        outgoing=service.outgoing,
        active=service.active,
        queued=service.queued,
        app_bytes=service.app_bytes,
    )


def _rungs(service: Service, facts: CapacityFacts, memory: Footprint) -> Iterator[Rung]:
    yield _descriptors(service, facts)
    yield _ceiling(service, facts)
    yield _files(service, facts)
    if service.outgoing:
        yield _ports(service, facts)
    yield _memory(service, facts, memory)
    if facts.cgroup_memory is not None:
        yield _cgroup_memory(service, facts.cgroup_memory, memory)
    if facts.tcp_mem or service.active:
        yield _tcp_memory(service, facts, memory)
    yield _watches(service, facts)
    if facts.conntrack_max:
        yield _conntrack(service, facts, facts.conntrack_max)
    if service.role is not Role.CLIENT:
        yield _accept_queue(service, facts)


def _descriptors(service: Service, facts: CapacityFacts) -> Rung:
    limit = facts.nofile_soft if service.nofile is None else service.nofile
    lift = _descriptor_lift(
        service,
        key="nofile",
        reason="a descriptor for each socket of a process, and some of its own",
        source="fs/file.c alloc_fd; getrlimit(2)",
        limit=True,
    )
    why = f"{_counted(service.processes, 'process', 'processes')} of the service, each with its own"
    if service.nofile is None and facts.nofile_hard > limit:
        why += f"; one that raises its soft limit by itself gets {facts.nofile_hard}"
    allows = _in_processes(service, limit)
    short = allows < service.connections
    remedy = lift.command if short else ""
    if short and facts.nr_open is not None and lift.values[0] > facts.nr_open:
        remedy += ", after fs.nr_open, or more processes"
    return Rung(
        limit="rlimit.nofile", value=limit, allows=allows, why=why, remedy=remedy, lift=lift
    )


def _ceiling(service: Service, facts: CapacityFacts) -> Rung:
    if facts.nr_open is None:
        return unknown("fs.nr_open")
    return _rung(
        service,
        value=facts.nr_open,
        allows=_in_processes(service, facts.nr_open),
        why="no process may have a higher limit, root included",
        lift=_descriptor_lift(
            service,
            key="fs.nr_open",
            reason="no hard limit of open files can be above it, not even root's",
            source="kernel/sys.c do_prlimit; proc_sys_fs(5)",
        ),
    )


def _in_processes(service: Service, limit: int) -> int:
    return max(0, limit - _OWN_DESCRIPTORS) // service.sockets * service.processes


def _descriptor_lift(
    service: Service, *, key: str, reason: str, source: str, limit: bool = False
) -> Lift:
    # Rounded up, and with room for what the connections of one process are more than another's.
    spare = 1024
    times = "" if service.sockets == 1 else f"{service.sockets} * "
    value = service.sockets * service.connections // service.processes + spare
    return _lift(
        key,
        (f"{times}connections // processes + {spare}", value),
        reason=reason,
        source=source,
        limit=limit,
    )


def _files(service: Service, facts: CapacityFacts) -> Rung:
    if facts.file_max is None or facts.files_open is None:
        return unknown("fs.file-max")
    own = service.processes * _OWN_DESCRIPTORS
    others = facts.files_open + own + _ROOM_FOR_OTHERS
    return _rung(
        service,
        value=facts.file_max,
        used=facts.files_open,
        allows=max(0, facts.file_max - facts.files_open - own) // service.sockets,
        why="each socket is an open file of this host; CAP_SYS_ADMIN passes the limit",
        # Both ends of a connection are here while an apply proves them.
        lift=_linear(
            service,
            key="fs.file-max",
            each=2,
            others=others,
            reason="two files a connection, as a proxy or a proof on loopback has, "
            "and what is open already",
            source="fs/file_table.c alloc_empty_file; proc_sys_fs(5)",
        ),
    )


def _ports(service: Service, facts: CapacityFacts) -> Rung:
    limit = "net.ipv4.ip_local_port_range"
    if facts.ports is None or facts.port_low is None or facts.port_high is None:
        return unknown(limit)
    pairs = service.destinations * service.sources
    needed = -(-service.connections // pairs)
    reserved = facts.port_high - facts.port_low + 1 - facts.ports
    low = _USUAL_LOW
    if needed > _LAST_PORT - low + 1 - reserved:
        low = max(_FIRST_PORT, _LAST_PORT + 1 - reserved - needed)
    enough = needed <= _LAST_PORT - low + 1 - reserved
    lift = _lift(
        limit,
        (str(low), low),
        (str(_LAST_PORT), _LAST_PORT),
        reason="a source address has that many connections to one address and port",
        source="net/ipv4/inet_hashtables.c __inet_hash_connect; ip(7)",
    )
    allows = facts.ports * pairs
    remedy = ""
    if allows < service.connections:
        most = (_LAST_PORT - _FIRST_PORT + 1 - reserved) * service.destinations
        addresses = -(-service.connections // most)
        remedy = lift.command if enough else f"connect from {addresses} source addresses or more"
    return Rung(
        limit=limit,
        value=facts.ports,
        allows=allows,
        why=f"source ports, for each of {_counted(pairs, 'pair', 'pairs')} of source address and "
        "destination; past half of them a connect is slow",
        remedy=remedy,
        lift=lift,
    )


def _memory(service: Service, facts: CapacityFacts, memory: Footprint) -> Rung:
    if facts.memory_available is None:
        return unknown("memory")
    share = int(facts.memory_available * service.memory_share)
    allows = memory.fits(share)
    return Rung(
        limit="memory",
        value=share,
        allows=allows,
        why=f"{memory.at_rest} bytes a connection at rest, and buffers under load, of "
        f"{service.memory_share:.0%} of the memory that is available",
        remedy="add memory, or stop what takes it" if allows < service.connections else "",
    )


def _cgroup_memory(service: Service, limit: CgroupLimit, memory: Footprint) -> Rung:
    allows = memory.fits(limit.left)
    needed = limit.used + memory.under_load(service.connections) * 5 // 4
    return Rung(
        limit="memory cgroup",
        value=limit.limit,
        used=limit.used,
        allows=allows,
        why=f"the same counts towards {limit.path}, if the service runs in this group",
        remedy=f"echo {needed} > {limit.path}" if allows < service.connections else "",
    )


def _tcp_memory(service: Service, facts: CapacityFacts, memory: Footprint) -> Rung:
    limit = "net.ipv4.tcp_mem"
    each = memory.share * memory.buffers / facts.page_size
    if len(facts.tcp_mem) != 3:
        return unknown(limit)
    low, pressure, high = facts.tcp_mem
    used = facts.tcp_mem_used or 0
    if not each:
        return Rung(limit=limit, value=high, used=used, why="idle connections take none of it")
    active = f"{100 * memory.share:.3g}%"
    pages = used + int(service.connections * each) + 1
    values = (max(low, pages), max(pressure, pages * 3 // 2), max(high, 2 * pages))
    return _rung(
        service,
        value=high,
        used=used,
        allows=int(max(0, high - used) / each),
        why=f"pages; {active} of the connections have {memory.buffers} bytes in buffers",
        lift=_lift(
            limit,
            *((str(value), value) for value in values),
            reason=f"pages, for {active} of the connections with {memory.buffers} bytes in their "
            "buffers; idle ones take none",
            source="net/ipv4/tcp.c tcp_enter_memory_pressure; tcp(7)",
        ),
    )


def _watches(service: Service, facts: CapacityFacts) -> Rung:
    if facts.max_user_watches is None:
        return unknown("fs.epoll.max_user_watches")
    own = service.processes * _OWN_WATCHES
    return _rung(
        service,
        value=facts.max_user_watches,
        allows=max(0, facts.max_user_watches - own) // service.sockets,
        why="one watch for each socket, counted for the user; what others of it take is not shown",
        lift=_linear(
            service,
            key="fs.epoll.max_user_watches",
            each=service.sockets,
            others=_ROOM_FOR_OTHERS,
            reason="each socket is watched once; above it EPOLL_CTL_ADD fails, for root too",
            source="fs/eventpoll.c ep_insert; epoll(7)",
        ),
    )


def _conntrack(service: Service, facts: CapacityFacts, maximum: int) -> Rung:
    used = facts.conntrack_count or 0
    lift = _linear(
        service,
        key="net.netfilter.nf_conntrack_max",
        each=service.sockets,
        others=used + _ROOM_FOR_OTHERS,
        reason="where a rule tracks flows, each connection is an entry, closed ones for a while",
        source="net/netfilter/nf_conntrack_core.c __nf_conntrack_alloc",
    )
    if not used:
        # The hooks are there only once a rule needs them (nf_ct_netns_get), and what is tracked
        # then on a live host is never nothing.
        return Rung(
            limit=lift.key,
            value=maximum,
            used=0,
            why="nothing is tracked in this network namespace",
        )
    return _rung(
        service,
        value=maximum,
        used=used,
        allows=max(0, maximum - used) // service.sockets,
        why="an entry for each connection that a firewall rule tracks",
        lift=lift,
    )


def _accept_queue(service: Service, facts: CapacityFacts) -> Rung:
    if facts.somaxconn is None:
        return unknown("net.core.somaxconn")
    lift = _lift(
        "net.core.somaxconn",
        (f"min(connections, {_WIDEST_QUEUE})", min(service.connections, _WIDEST_QUEUE)),
        reason="all clients come back at once after a restart; a full queue costs them seconds",
        source="net/socket.c __sys_listen; listen(2)",
    )
    if service.rate is None or not service.connections:
        return Rung(
            limit=lift.key,
            value=facts.somaxconn,
            why="bounds what waits to be accepted, not what is open",
            lift=lift,
        )
    waiting = arrivals.waiting(
        connections=service.connections,
        listeners=service.processes,
        rate=service.rate,
        servers=min(facts.cpus, service.processes),
    )
    queue = arrivals.room(facts.somaxconn)
    fits = waiting <= queue
    return Rung(
        limit=lift.key,
        value=facts.somaxconn,
        allows=None if fits else queue * service.processes,
        why=f"about {waiting} wait at a listener when {service.rate:g} a second begin",
        remedy="" if fits else lift.command,
        lift=lift,
    )


def _rung(
    service: Service, *, value: int, allows: int, why: str, lift: Lift, used: int | None = None
) -> Rung:
    """The rung of a sysctl that a profile can lift."""
    return Rung(
        limit=lift.key,
        value=value,
        used=used,
        allows=allows,
        why=why,
        remedy=lift.command if allows < service.connections else "",
        lift=lift,
    )


def _linear(
    service: Service, *, key: str, each: int, others: int, reason: str, source: str
) -> Lift:
    times = "" if each == 1 else f"{each} * "
    return _lift(
        key,
        (f"{times}connections + {others}", each * service.connections + others),
        reason=reason,
        source=source,
    )


def _lift(
    key: str, *fields: tuple[str, int], reason: str, source: str, limit: bool = False
) -> Lift:
    """The lift to fields of an expression and its value each, never under what breaks a host."""
    tunable = None if limit else catalog.find(key)
    floor = tunable.floor if tunable and tunable.floor is not None else 0
    lifted = [
        (text if value >= floor else _above(floor, text), max(value, floor))
        for text, value in fields
    ]
    texts, values = zip(*lifted, strict=True)
    return Lift(key=key, at_least=texts, values=values, reason=reason, source=source, limit=limit)


def _above(floor: int, text: str) -> str:
    return str(floor) if text.isdigit() else f"max({floor}, {text})"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
