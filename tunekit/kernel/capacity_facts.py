"""Every limit that stands between this host and a number of connections, and its use."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tunekit.errors import ReadFailed
from tunekit.kernel import cgroups, counters, process
from tunekit.kernel.cgroups import CgroupLimit
from tunekit.kernel.host import parse_capabilities
from tunekit.kernel.readings import Value
from tunekit.kernel.sysctl import Sysctls
from tunekit.values import Kind, Ports, SysctlKey, parse

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityFacts:
    """What `gather` found; None where this kernel has no such limit or does not show it.

    Memory and `tcp_rmem` and `tcp_wmem` are in bytes, `tcp_mem` in pages of `page_size`. `ports`
    counts those of the local range that are not reserved. `may_raise_nofile` says that the hard
    limit may be raised, up to `nr_open`. A cgroup's limit is that of the tightest group above this
    process.
    """

    cpus: int
    page_size: int
    nofile_soft: int
    nofile_hard: int
    may_raise_nofile: bool
    nr_open: int | None = None
    file_max: int | None = None
    files_open: int | None = None
    port_low: int | None = None
    port_high: int | None = None
    ports: int | None = None
    somaxconn: int | None = None
    memory_available: int | None = None
    cgroup_memory: CgroupLimit | None = None
    cgroup_pids: CgroupLimit | None = None
    tcp_rmem: tuple[int, ...] = ()
    tcp_wmem: tuple[int, ...] = ()
    tcp_mem: tuple[int, ...] = ()
    tcp_mem_used: int | None = None
    time_wait_max: int | None = None
    time_wait: int | None = None
    time_wait_reuse: int | None = None
    orphans_max: int | None = None
    orphans: int | None = None
    max_user_watches: int | None = None
    conntrack_max: int | None = None
    conntrack_count: int | None = None
    pid_max: int | None = None
    tasks: int | None = None


def gather(root: Path = counters.PROC) -> CapacityFacts:
    """Read them all. What cannot be read is None; nothing is raised for it."""
    sysctls = Sysctls(root / "sys")
    soft, hard = process.descriptor_limits()
    low, high, ports = _ports(sysctls)
    sockets = _or_none(counters.sockstat, root) or {}
    memory = cgroups.tightest("memory", root=root)
    pids = cgroups.tightest("pids", root=root)
    files = _or_none(counters.file_handles, root)
    return CapacityFacts(
        cpus=len(os.sched_getaffinity(0)),
        page_size=os.sysconf("SC_PAGE_SIZE"),
        nofile_soft=soft,
        nofile_hard=hard,
        may_raise_nofile=_may_raise(root),
        nr_open=_number(sysctls, "fs.nr_open"),
        file_max=files.maximum if files else None,
        files_open=files.allocated if files else None,
        port_low=low,
        port_high=high,
        ports=ports,
        somaxconn=_number(sysctls, "net.core.somaxconn"),
        memory_available=(_or_none(counters.memory, root) or {}).get("MemAvailable"),
        cgroup_memory=memory,
        cgroup_pids=pids,
        tcp_rmem=_numbers(sysctls, "net.ipv4.tcp_rmem"),
        tcp_wmem=_numbers(sysctls, "net.ipv4.tcp_wmem"),
        tcp_mem=_numbers(sysctls, "net.ipv4.tcp_mem"),
        tcp_mem_used=sockets.get("TCP.mem"),
        time_wait_max=_number(sysctls, "net.ipv4.tcp_max_tw_buckets"),
        time_wait=sockets.get("TCP.tw"),
        time_wait_reuse=_number(sysctls, "net.ipv4.tcp_tw_reuse"),
        orphans_max=_number(sysctls, "net.ipv4.tcp_max_orphans"),
        orphans=sockets.get("TCP.orphan"),
        max_user_watches=_number(sysctls, "fs.epoll.max_user_watches"),
        conntrack_max=_number(sysctls, "net.netfilter.nf_conntrack_max"),
        conntrack_count=_number(sysctls, "net.netfilter.nf_conntrack_count"),
        pid_max=_number(sysctls, "kernel.pid_max"),
        tasks=_or_none(counters.tasks, root),
    )


def _ports(sysctls: Sysctls) -> tuple[int | None, int | None, int | None]:
    """The local port range, and how many of its ports are not reserved."""
    ends = _numbers(sysctls, "net.ipv4.ip_local_port_range")
    if len(ends) != 2:
        return None, None, None
    low, high = ends
    reserved = sysctls.read(SysctlKey.parse("net.ipv4.ip_local_reserved_ports"))
    taken = 0
    if isinstance(reserved, Value):
        ports = parse(reserved.text, Kind.PORTS)
        if isinstance(ports, Ports):
            taken = ports.intersection(Ports.of([(low, high)])).count()
    return low, high, high - low + 1 - taken


def _numbers(sysctls: Sysctls, name: str) -> tuple[int, ...]:
    reading = sysctls.read(SysctlKey.parse(name))
    return tuple(map(int, reading.text.split())) if isinstance(reading, Value) else ()


def _number(sysctls: Sysctls, name: str) -> int | None:
    return next(iter(_numbers(sysctls, name)), None)


def _may_raise(root: Path) -> bool:
    try:
        status = (root / "thread-self/status").read_text()
    except OSError:
        return False
    return "cap_sys_resource" in parse_capabilities(status)


def _or_none(read: Callable[[Path], T], root: Path) -> T | None:
    try:
        return read(root)
    except ReadFailed:
        return None
