"""The limits of processes, files, memory and watches on the way of a service. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunekit.check.footprint import Footprint
from tunekit.check.ladder import Lift, Rung, unknown
from tunekit.check.lifts import ROOM_FOR_OTHERS, counted, lift_to, liftable, linear
from tunekit.kernel.capacity_facts import CapacityFacts
from tunekit.kernel.cgroups import CgroupLimit

if TYPE_CHECKING:
    from tunekit.check.service import Service

_OWN_DESCRIPTORS = 64
"""What a process of a service opens beside its connections: logs, listeners, libraries."""
_OWN_WATCHES = 4


def descriptors(service: Service, facts: CapacityFacts) -> Rung:
    """The descriptor limit of each process."""
    limit = facts.nofile_soft if service.nofile is None else service.nofile
    lift = _descriptor_lift(
        service,
        key="nofile",
        reason="a descriptor for each socket of a process, and some of its own",
        source="fs/file.c alloc_fd; getrlimit(2)",
        limit=True,
    )
    why = f"{counted(service.processes, 'process', 'processes')} of the service, each with its own"
    if service.whose:
        why += f", as {service.whose} gets it"
    elif service.nofile is None and facts.nofile_hard > limit:
        why += f"; one that raises its soft limit by itself gets {facts.nofile_hard}"
    allows = _in_processes(service, limit)
    short = allows < service.connections
    remedy = lift.command if short else ""
    if short and facts.nr_open is not None and lift.values[0] > facts.nr_open:
        remedy += ", after fs.nr_open, or more processes"
    return Rung(
        limit="rlimit.nofile", value=limit, allows=allows, why=why, remedy=remedy, lift=lift
    )


def nr_open(service: Service, facts: CapacityFacts) -> Rung:
    """The ceiling of every descriptor limit."""
    if facts.nr_open is None:
        return unknown("fs.nr_open")
    return liftable(
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
    return lift_to(
        key,
        (f"{times}connections // processes + {spare}", value),
        reason=reason,
        source=source,
        limit=limit,
    )


def open_files(service: Service, facts: CapacityFacts) -> Rung:
    """The open files of the whole host."""
    if facts.file_max is None or facts.files_open is None:
        return unknown("fs.file-max")
    own = service.processes * _OWN_DESCRIPTORS
    others = facts.files_open + own + ROOM_FOR_OTHERS
    return liftable(
        service,
        value=facts.file_max,
        used=facts.files_open,
        allows=max(0, facts.file_max - facts.files_open - own) // service.sockets,
        why="each socket is an open file of this host; CAP_SYS_ADMIN passes the limit",
        # Both ends of a connection are here while an apply proves them.
        lift=linear(
            service,
            key="fs.file-max",
            each=2,
            others=others,
            reason="two files a connection, as a proxy or a proof on loopback has, "
            "and what is open already",
            source="fs/file_table.c alloc_empty_file; proc_sys_fs(5)",
        ),
    )


def available_memory(service: Service, facts: CapacityFacts, memory: Footprint) -> Rung:
    """The memory that is available."""
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


def cgroup_memory(service: Service, limit: CgroupLimit, memory: Footprint) -> Rung:
    """The memory that the group of this process has left."""
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


def watches(service: Service, facts: CapacityFacts) -> Rung:
    """The epoll watches of a user."""
    if facts.max_user_watches is None:
        return unknown("fs.epoll.max_user_watches")
    own = service.processes * _OWN_WATCHES
    return liftable(
        service,
        value=facts.max_user_watches,
        allows=max(0, facts.max_user_watches - own) // service.sockets,
        why="one watch for each socket, counted for the user; what others of it take is not shown",
        lift=linear(
            service,
            key="fs.epoll.max_user_watches",
            each=service.sockets,
            others=ROOM_FOR_OTHERS,
            reason="each socket is watched once; above it EPOLL_CTL_ADD fails, for root too",
            source="fs/eventpoll.c ep_insert; epoll(7)",
        ),
    )
