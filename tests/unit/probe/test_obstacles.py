"""The limit that stopped a load is named, with the command that raises it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tunekit.kernel.capacity_facts import CapacityFacts
from tunekit.kernel.cgroups import CgroupLimit
from tunekit.probe.load import Lost, Obstacle, Phase
from tunekit.probe.obstacles import Circumstances, name

FACTS = CapacityFacts(
    cpus=2,
    page_size=4096,
    nofile_soft=1024,
    nofile_hard=20_000,
    may_raise_nofile=False,
    file_max=100_000,
    files_open=800,
    port_low=32_768,
    port_high=60_999,
    ports=28_232,
    memory_available=1 << 30,
    max_user_watches=90_000,
    tcp_mem=(10, 20, 30),
)
AROUND = Circumstances(
    facts=FACTS,
    connections=200_000,
    per_process=19_000,
    nofile=19_500,
    backlog=4,
    backlog_requested=65_535,
    timeout=60.0,
)


def lost(cause: str, phase: Phase = Phase.CONNECT, count: int = 10) -> Lost:
    return Lost(phase=phase, cause=cause, count=count)


def test_nothing_lost_is_no_obstacle() -> None:
    assert name([], [lost("EMFILE")], {"TcpExt.ListenOverflows": 3}, AROUND) is None


@pytest.mark.parametrize(
    ("cause", "limit", "remedy"),
    [
        ("EMFILE", "rlimit.nofile", "ulimit -n 19064"),
        ("ENFILE", "fs.file-max", "sysctl -w fs.file-max=466336"),
        ("ENOSPC", "fs.epoll.max_user_watches", "sysctl -w fs.epoll.max_user_watches=465536"),
        (
            "EADDRNOTAVAIL",
            "net.ipv4.ip_local_port_range",
            'sysctl -w net.ipv4.ip_local_port_range="16384 65535"',
        ),
        ("timeout", "timeout", "--timeout 120"),
    ],
)
def test_an_errno_names_its_limit(cause: str, limit: str, remedy: str) -> None:
    found = name([lost(cause)], [], {}, AROUND)
    assert found is not None
    assert (found.limit, found.remedy) == (limit, remedy)


def test_a_fault_of_the_server_explains_what_its_clients_lost() -> None:
    found = name(
        [lost("ETIMEDOUT", Phase.PROVE), lost("ECONNRESET", Phase.PROVE)],
        [lost("ENOSPC", count=1)],
        {},
        AROUND,
    )
    assert found == Obstacle(
        limit="fs.epoll.max_user_watches",
        reason="epoll refused to watch one more connection at 90000 watches a user",
        remedy="sysctl -w fs.epoll.max_user_watches=465536",
    )


@pytest.mark.parametrize("cause", ["ETIMEDOUT", "ECONNRESET", "timeout"])
def test_overflows_name_the_accept_queue(cause: str) -> None:
    found = name([lost(cause, Phase.PROVE)], [], {"TcpExt.ListenOverflows": 77}, AROUND)
    assert found == Obstacle(
        limit="net.core.somaxconn",
        reason="the accept queue overflowed 77 times at a backlog of 4, of 65535 asked for",
        remedy="sysctl -w net.core.somaxconn=65535",
    )


def test_aborts_for_memory_name_tcp_mem() -> None:
    found = name([lost("ECONNRESET", Phase.PROVE)], [], {"TcpExt.TCPAbortOnMemory": 5}, AROUND)
    assert found == Obstacle(
        limit="net.ipv4.tcp_mem",
        reason="TCP was short of buffer memory; net.ipv4.tcp_mem is 10 20 30 pages",
        remedy='sysctl -w net.ipv4.tcp_mem="20 40 60"',
    )


def test_pressure_explains_what_stalled() -> None:
    found = name([lost("ETIMEDOUT", Phase.HOLD)], [], {"TcpExt.TCPMemoryPressures": 1}, AROUND)
    assert found is not None
    assert found.limit == "net.ipv4.tcp_mem"


def test_a_kill_for_want_of_memory_names_the_group() -> None:
    group = CgroupLimit(path="/sys/m/memory.max", limit=1000, used=10)
    around = replace(AROUND, oom_kills=1, facts=replace(FACTS, cgroup_memory=group))
    found = name([lost("ECONNRESET", Phase.PROVE)], [lost("killed")], {}, around)
    assert found == Obstacle(
        limit="memory cgroup",
        reason="1 processes of the load were killed at the 1000 bytes that their control group "
        "may take",
        remedy="echo 2100000010 > /sys/m/memory.max",
    )


def test_an_interrupt_is_no_limit() -> None:
    assert name([lost("interrupted", Phase.HOLD, 9)], [], {}, AROUND) is None


def test_servers_that_never_listened_are_named() -> None:
    found = name([lost("not started", Phase.PROVE, 9)], [], {}, AROUND)
    assert found == Obstacle(
        limit="start",
        reason="the servers of 9 connections did not come to listen for as long as was waited",
        remedy="stop what else keeps the processors busy, or give fewer --processes",
    )


def test_an_errno_without_a_rule_is_named_as_it_is() -> None:
    found = name([lost("EPERM", count=4), lost("EACCES", count=1)], [], {}, AROUND)
    assert found is not None
    assert found.limit == "EPERM"
    assert found.reason == "4 connections ended with EPERM while the load was in its connect phase"
