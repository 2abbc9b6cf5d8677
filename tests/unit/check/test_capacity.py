"""The ladder of limits: what each allows, and which comes first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.gate import ROOMY
from tunekit.check.capacity import Demand, forecast
from tunekit.check.ladder import Rung
from tunekit.kernel.capacity_facts import CapacityFacts
from tunekit.kernel.cgroups import CgroupLimit


def rung(limit: str, demand: Demand, facts: CapacityFacts) -> Rung:
    (found,) = [each for each in forecast(demand, facts).rungs if each.limit == limit]
    return found


def test_the_rungs_come_in_the_order_in_which_they_are_met() -> None:
    facts = replace(
        ROOMY,
        conntrack_max=262_144,
        cgroup_memory=CgroupLimit(path="/m", limit=1 << 40, used=0),
        cgroup_pids=CgroupLimit(path="/p", limit=1000, used=0),
    )
    assert [each.limit for each in forecast(Demand(connections=1), facts).rungs] == [
        "rlimit.nofile",
        "fs.nr_open",
        "fs.file-max",
        "net.ipv4.ip_local_port_range",
        "memory",
        "memory cgroup",
        "net.ipv4.tcp_mem",
        "fs.epoll.max_user_watches",
        "net.netfilter.nf_conntrack_max",
        "kernel.pid_max",
        "pids cgroup",
        "net.core.somaxconn",
    ]


def test_a_million_fits_a_roomy_host_in_processes_enough() -> None:
    found = forecast(Demand(connections=1_000_000), ROOMY)
    assert found.obstacle is None
    assert found.lowest is not None
    assert (found.lowest.limit, found.carries) == ("memory", 1_227_133)


@pytest.mark.parametrize(
    ("changed", "demand", "limit", "carries", "remedy"),
    [
        (
            {},
            Demand(connections=50_000, processes=2),
            "rlimit.nofile",
            39_886,
            "ulimit -n 25064",
        ),
        (
            {"nr_open": 10_000},
            Demand(connections=15_000, processes=1),
            "fs.nr_open",
            9947,
            "sysctl -w fs.nr_open=15064",
        ),
        (
            {"file_max": 21_000},
            Demand(connections=20_000),
            "fs.file-max",
            9984,
            "sysctl -w fs.file-max=106568",
        ),
        (
            {"ports": 100},
            Demand(connections=500, destinations=2),
            "net.ipv4.ip_local_port_range",
            200,
            'sysctl -w net.ipv4.ip_local_port_range="16384 65535"',
        ),
        (
            {"memory_available": 105_000_000},
            Demand(connections=10_000),
            "memory",
            5000,
            "add memory, stop what takes it, or --force",
        ),
        (
            {
                "cgroup_memory": CgroupLimit(
                    path="/sys/m/memory.max", limit=9_615_000, used=1_000_000
                )
            },
            Demand(connections=1000),
            "memory cgroup",
            100,
            "echo 17562500 > /sys/m/memory.max",
        ),
        (
            {"tcp_mem": (10, 20, 30)},
            Demand(connections=1000),
            "net.ipv4.tcp_mem",
            10,
            'sysctl -w net.ipv4.tcp_mem="1024 2048 4096"',
        ),
        (
            {"max_user_watches": 8000},
            Demand(connections=10_000),
            "fs.epoll.max_user_watches",
            7995,
            "sysctl -w fs.epoll.max_user_watches=75541",
        ),
        (
            {"conntrack_max": 1000, "conntrack_count": 100},
            Demand(connections=2000),
            "net.netfilter.nf_conntrack_max",
            900,
            "sysctl -w net.netfilter.nf_conntrack_max=2600",
        ),
        (
            {"pid_max": 202, "tasks": 200},
            Demand(connections=100_000),
            "kernel.pid_max",
            19_943,
            "sysctl -w kernel.pid_max=1236",
        ),
        (
            {"cgroup_pids": CgroupLimit(path="/sys/p/pids.max", limit=12, used=10)},
            Demand(connections=100_000),
            "pids cgroup",
            19_943,
            "echo 86 > /sys/p/pids.max",
        ),
    ],
)
def test_the_first_limit_that_binds_is_named_with_its_remedy(
    changed: dict[str, Any], demand: Demand, limit: str, carries: int, remedy: str
) -> None:
    obstacle = forecast(demand, replace(ROOMY, **changed)).obstacle
    assert obstacle is not None
    assert (obstacle.limit, obstacle.allows, obstacle.remedy) == (limit, carries, remedy)


def test_a_remedy_is_enough() -> None:
    demand = Demand(connections=20_000)
    first = rung("fs.file-max", demand, replace(ROOMY, file_max=21_000))
    wanted = int(first.remedy.rpartition("=")[2])
    assert forecast(demand, replace(ROOMY, file_max=wanted)).obstacle is None


@pytest.mark.parametrize(
    ("field", "limit"),
    [
        ("file_max", "fs.file-max"),
        ("ports", "net.ipv4.ip_local_port_range"),
        ("memory_available", "memory"),
        ("max_user_watches", "fs.epoll.max_user_watches"),
        ("pid_max", "kernel.pid_max"),
        ("somaxconn", "net.core.somaxconn"),
    ],
)
def test_what_is_not_shown_is_unknown_and_allows_nothing_to_be_said(field: str, limit: str) -> None:
    found = rung(limit, Demand(connections=10), replace(ROOMY, **{field: None}))
    assert found == Rung(limit=limit, value=None, why="not shown here")


def test_conntrack_that_tracks_nothing_does_not_bind() -> None:
    facts = replace(ROOMY, conntrack_max=10, conntrack_count=0)
    assert rung("net.netfilter.nf_conntrack_max", Demand(connections=1000), facts).allows is None


def test_a_wanted_limit_that_may_not_be_set_counts_as_it_is() -> None:
    demand = Demand(connections=50_000, processes=1, nofile=100_000)
    assert rung("rlimit.nofile", demand, ROOMY).allows == 19_943
    allowed = replace(ROOMY, may_raise_nofile=True)
    assert rung("rlimit.nofile", demand, allowed).allows == 99_911


@pytest.mark.parametrize(
    ("rate", "somaxconn", "allows"),
    [
        (None, 4, None),
        (20_000, 4096, None),
        (20_000, 50, 51),
        (1_000_000, 4, 5),
        (1_000_000, 1000, None),
    ],
)
def test_the_accept_queue_binds_by_the_rate(
    rate: float | None, somaxconn: int, allows: int | None
) -> None:
    demand = Demand(connections=1000, processes=1, rate=rate)
    found = rung("net.core.somaxconn", demand, replace(ROOMY, somaxconn=somaxconn))
    assert found.allows == allows
    assert bool(found.remedy) == (allows is not None)


def test_limits_of_tcp_and_ip_do_not_concern_unix_sockets() -> None:
    facts = replace(ROOMY, conntrack_max=10, conntrack_count=5, ports=1, tcp_mem=(1, 1, 1))
    found = forecast(Demand(connections=100_000, unix=True), facts)
    assert found.obstacle is None
    assert not {rung.limit for rung in found.rungs} & {
        "net.ipv4.ip_local_port_range",
        "net.ipv4.tcp_mem",
        "net.netfilter.nf_conntrack_max",
    }


def test_a_larger_message_takes_more_pages() -> None:
    found = rung("net.ipv4.tcp_mem", Demand(connections=100, payload=1 << 16), ROOMY)
    assert found.why == "idle connections take none; 6600 pages for the messages in flight"
