"""Which limit stopped a load: from what was lost, and how the kernel's counters moved.

Pure: the figures come in, so that each rule can be tried without meeting the limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tunekit.kernel.capacity_facts import CapacityFacts
from tunekit.kernel.cgroups import CgroupLimit
from tunekit.kernel.costs import BYTES_PER_CONNECTION
from tunekit.probe.load import Lost, Obstacle, Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """The limits as they were before the load, and what it asked of them. `oom_kills` are processes
    of this control group that were killed meanwhile for want of memory.
    """

    facts: CapacityFacts
    connections: int
    per_process: int
    nofile: int
    backlog: int | None
    backlog_requested: int
    timeout: float
    oom_kills: int = 0


# Faults of a server explain what its clients lost; among losses the first cause in this order is
# named, since the others follow from it.
_ORDER = (
    "EMFILE",
    "ENFILE",
    "ENOSPC",
    "EADDRNOTAVAIL",
    "EADDRINUSE",
    "ENETUNREACH",
    "ENOMEM",
    "ENOBUFS",
    "killed",
    "wrong token",
    "not started",
    "ETIMEDOUT",
    "timeout",
)


def name(
    lost: Sequence[Lost],
    faults: Sequence[Lost],
    counters: Mapping[str, int],
    around: Circumstances,
) -> Obstacle | None:
    """Name the limit that lost connections, None when none was lost but to an interrupt."""
    if all(one.cause == "interrupted" for one in lost):
        return None
    if around.oom_kills and around.facts.cgroup_memory is not None:
        return _memory_group(around, around.facts.cgroup_memory)
    causes = {one.cause: one for one in (*lost, *faults)}
    if counters.get("TcpExt.TCPAbortOnMemory") and "ENOMEM" not in causes:
        return _tcp_memory(around)
    cause = next((cause for cause in _ORDER if cause in causes), None)
    stalled = cause in ("ETIMEDOUT", "timeout", None)
    if stalled and counters.get("TcpExt.TCPMemoryPressures"):
        return _tcp_memory(around)
    if stalled and counters.get("TcpExt.ListenOverflows"):
        return _accept_queue(counters["TcpExt.ListenOverflows"], around)
    if cause is None:
        one = max(causes.values(), key=lambda each: each.count)
        return Obstacle(
            limit=one.cause,
            reason=f"{one.count} connections ended with {one.cause} while the load was in its "
            f"{one.phase.value} phase",
            remedy="see dmesg, and which firewall rules or security modules apply to 127.0.0.0/8",
        )
    return _RULES[cause](causes[cause], around)


def _nofile(one: Lost, around: Circumstances) -> Obstacle:
    needed = around.per_process + 64
    return Obstacle(
        limit="rlimit.nofile",
        reason=f"a process had all of its {around.nofile} descriptors open; "
        f"{around.per_process} connections in one process take about {needed}",
        remedy=f"ulimit -n {needed}",
    )


def _file_max(one: Lost, around: Circumstances) -> Obstacle:
    needed = (around.facts.files_open or 0) + 2 * around.connections + 65536
    return Obstacle(
        limit="fs.file-max",
        reason=f"the host had all of its {_number(around.facts.file_max)} files open; "
        f"{around.connections} connections on loopback take {2 * around.connections}",
        remedy=f"sysctl -w fs.file-max={needed}",
    )


def _watches(one: Lost, around: Circumstances) -> Obstacle:
    return Obstacle(
        limit="fs.epoll.max_user_watches",
        reason=f"epoll refused to watch one more connection at "
        f"{_number(around.facts.max_user_watches)} watches a user",
        remedy=f"sysctl -w fs.epoll.max_user_watches={2 * around.connections + 65536}",
    )


def _ports(one: Lost, around: Circumstances) -> Obstacle:
    facts = around.facts
    return Obstacle(
        limit="net.ipv4.ip_local_port_range",
        reason=f"no source port was free: the range {_number(facts.port_low)} to "
        f"{_number(facts.port_high)} has {_number(facts.ports)} that are not reserved",
        remedy='sysctl -w net.ipv4.ip_local_port_range="16384 65535"',
    )


def _loopback_down(one: Lost, around: Circumstances) -> Obstacle:
    return Obstacle(
        limit="loopback",
        reason=f"the loopback interface of this network namespace is not up ({one.cause})",
        remedy="ip link set lo up",
    )


def _memory(one: Lost, around: Circumstances) -> Obstacle:
    return Obstacle(
        limit="memory",
        reason=f"the kernel had no memory for another socket ({one.cause}); "
        f"{_number(around.facts.memory_available)} bytes were available before",
        remedy="cat /proc/self/cgroup; raise memory.max of that cgroup, or add memory",
    )


def _tcp_memory(around: Circumstances) -> Obstacle:
    pages = " ".join(map(str, around.facts.tcp_mem)) or "unknown"
    wanted = " ".join(str(2 * field) for field in around.facts.tcp_mem) or "LOW PRESSURE HIGH"
    return Obstacle(
        limit="net.ipv4.tcp_mem",
        reason=f"TCP was short of buffer memory; net.ipv4.tcp_mem is {pages} pages",
        remedy=f'sysctl -w net.ipv4.tcp_mem="{wanted}"',
    )


def _accept_queue(overflows: int, around: Circumstances) -> Obstacle:
    wanted = max(4096, around.backlog_requested)
    return Obstacle(
        limit="net.core.somaxconn",
        reason=f"the accept queue overflowed {overflows} times at a backlog of "
        f"{_number(around.backlog)}, of {around.backlog_requested} asked for",
        remedy=f"sysctl -w net.core.somaxconn={wanted}",
    )


def _memory_group(around: Circumstances, group: CgroupLimit) -> Obstacle:
    needed = group.used + around.connections * BYTES_PER_CONNECTION
    return Obstacle(
        limit="memory cgroup",
        reason=f"{around.oom_kills} processes of the load were killed at the {group.limit} bytes "
        "that their control group may take",
        remedy=f"echo {needed} > {group.path}",
    )


def _killed(one: Lost, around: Circumstances) -> Obstacle:
    return Obstacle(
        limit="killed",
        reason=f"a process of the load was killed during the {one.phase.value} phase, not by "
        "tunekit",
        remedy="dmesg | grep -i 'out of memory'",
    )


def _not_started(one: Lost, around: Circumstances) -> Obstacle:
    return Obstacle(
        limit="start",
        reason=f"the servers of {one.count} connections did not come to listen for as long as was "
        "waited",
        remedy="stop what else keeps the processors busy, or give fewer --processes",
    )


def _wrong(one: Lost, around: Circumstances) -> Obstacle:
    return Obstacle(
        limit="wrong token",
        reason=f"{one.count} connections brought back what was not sent on them",
        remedy="iptables-save; something between the ends changes what they say",
    )


def _timed_out(one: Lost, around: Circumstances) -> Obstacle:
    what = "established" if one.phase is Phase.CONNECT else "answered"
    return Obstacle(
        limit="patience",
        reason=f"{one.count} connections were not {what} for as long as was waited",
        remedy="iptables-save; nstat -az | grep -i drop",
    )


def _too_slow(one: Lost, around: Circumstances) -> Obstacle:
    return Obstacle(
        limit="timeout",
        reason=f"the load took longer than the {around.timeout:g} s that it may",
        remedy=f"--timeout {2 * around.timeout:g}",
    )


_RULES = {
    "EMFILE": _nofile,
    "ENFILE": _file_max,
    "ENOSPC": _watches,
    "EADDRNOTAVAIL": _ports,
    "EADDRINUSE": _ports,
    "ENETUNREACH": _loopback_down,
    "ENOMEM": _memory,
    "ENOBUFS": _memory,
    "killed": _killed,
    "wrong token": _wrong,
    "not started": _not_started,
    "ETIMEDOUT": _timed_out,
    "timeout": _too_slow,
}


def _number(value: int | None) -> str:
    return "an unknown number of" if value is None else str(value)
