"""The ladder of a service: one end of each connection here, in processes of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.check.test_capacity import ROOMY
from tunekit.check.ladder import Rung
from tunekit.check.service import Role, Service, forecast, model
from tunekit.kernel.cgroups import CgroupLimit

HOST = replace(
    ROOMY,
    nofile_soft=20_000,
    tcp_rmem=(4096, 131_072, 33_554_432),
    tcp_wmem=(4096, 16_384, 4_194_304),
)


def server(connections: int = 0, **asked: Any) -> Service:
    return Service(role=Role.SERVER, connections=connections, **asked)


def proxy(connections: int = 0, **asked: Any) -> Service:
    return Service(role=Role.PROXY, connections=connections, **asked)


def rung(limit: str, service: Service, **changed: Any) -> Rung:
    found = forecast(service, replace(HOST, **changed)).rungs
    (one,) = [each for each in found if each.limit == limit]
    return one


def test_a_server_meets_its_limits_in_this_order() -> None:
    facts = replace(
        HOST,
        conntrack_max=262_144,
        cgroup_memory=CgroupLimit(path="/m", limit=1 << 40, used=0),
        time_wait_max=131_072,
        orphans_max=65_536,
    )
    assert [each.limit for each in forecast(server(1), facts).rungs] == [
        "rlimit.nofile",
        "fs.nr_open",
        "fs.file-max",
        "memory",
        "memory cgroup",
        "net.ipv4.tcp_mem",
        "fs.epoll.max_user_watches",
        "net.netfilter.nf_conntrack_max",
        "net.core.somaxconn",
        "net.ipv4.tcp_max_tw_buckets",
        "net.ipv4.tcp_max_orphans",
    ]


def test_only_who_connects_needs_source_ports_and_only_who_listens_a_queue() -> None:
    limits = {
        role: {each.limit for each in forecast(Service(role=role), HOST).rungs} for role in Role
    }
    ports, queue = "net.ipv4.ip_local_port_range", "net.core.somaxconn"
    assert [ports in limits[role] for role in Role] == [False, True, True]
    assert [queue in limits[role] for role in Role] == [True, False, True]


def test_without_a_number_it_tells_how_many_and_what_comes_next() -> None:
    found = forecast(server(), HOST)
    assert found.obstacle is None
    assert found.lowest is not None
    assert found.after is not None
    assert (found.lowest.limit, found.carries) == ("rlimit.nofile", 19_936)
    assert (found.after.limit, found.after.allows) == ("fs.nr_open", 1_048_512)


@pytest.mark.parametrize(
    ("changed", "service", "limit", "carries", "remedy", "statement"),
    [
        (
            {},
            server(50_000, processes=2),
            "rlimit.nofile",
            39_872,
            "ulimit -n 26024",
            "nofile: {at_least: connections // processes + 1024}",
        ),
        (
            {"nr_open": 10_000},
            server(15_000),
            "fs.nr_open",
            9936,
            "sysctl -w fs.nr_open=524288",
            'fs.nr_open: {at_least: "max(524288, connections // processes + 1024)"}',
        ),
        (
            {},
            server(2_000_000, nofile=2_100_000),
            "fs.nr_open",
            1_048_512,
            "sysctl -w fs.nr_open=2001024",
            "fs.nr_open: {at_least: connections // processes + 1024}",
        ),
        (
            {},
            server(2_000_000, nofile=1000),
            "rlimit.nofile",
            936,
            "ulimit -n 2001024, after fs.nr_open, or more processes",
            "nofile: {at_least: connections // processes + 1024}",
        ),
        (
            {},
            proxy(10_000),
            "rlimit.nofile",
            9968,
            "ulimit -n 21024",
            "nofile: {at_least: 2 * connections // processes + 1024}",
        ),
        (
            {"file_max": 6000},
            proxy(4000),
            "fs.file-max",
            2468,
            "sysctl -w fs.file-max=74600",
            "fs.file-max: {at_least: 2 * connections + 66600}",
        ),
        (
            {"ports": 100, "port_low": 40_000, "port_high": 40_099},
            proxy(500, destinations=2, sources=2),
            "net.ipv4.ip_local_port_range",
            400,
            'sysctl -w net.ipv4.ip_local_port_range="16384 65535"',
            "net.ipv4.ip_local_port_range: {at_least: [16384, 65535]}",
        ),
        (
            {},
            proxy(60_000, processes=10),
            "net.ipv4.ip_local_port_range",
            28_232,
            'sysctl -w net.ipv4.ip_local_port_range="5536 65535"',
            "net.ipv4.ip_local_port_range: {at_least: [5536, 65535]}",
        ),
        (
            {},
            proxy(100_000, processes=20),
            "net.ipv4.ip_local_port_range",
            28_232,
            "connect from 2 source addresses or more",
            "net.ipv4.ip_local_port_range: {at_least: [1024, 65535]}",
        ),
        (
            {"tcp_mem": (10, 20, 46), "tcp_mem_used": 10},
            server(10_000),
            "net.ipv4.tcp_mem",
            100,
            'sysctl -w net.ipv4.tcp_mem="3611 5416 7222"',
            'net.ipv4.tcp_mem: {at_least: ["max(1024, connections * 9 // 25 + 11)", '
            '"max(1024, (connections * 9 // 25 + 11) * 3 // 2)", '
            '"max(1024, (connections * 9 // 25 + 11) * 2)"]}',
        ),
        (
            {"max_user_watches": 8000},
            server(10_000),
            "fs.epoll.max_user_watches",
            7996,
            "sysctl -w fs.epoll.max_user_watches=75536",
            "fs.epoll.max_user_watches: {at_least: connections + 65536}",
        ),
        (
            {"conntrack_max": 1000, "conntrack_count": 100},
            proxy(2000),
            "net.netfilter.nf_conntrack_max",
            450,
            "sysctl -w net.netfilter.nf_conntrack_max=69636",
            "net.netfilter.nf_conntrack_max: {at_least: 2 * connections + 65636}",
        ),
        (
            {"somaxconn": 50},
            server(1000, rate=1_000_000),
            "net.core.somaxconn",
            51,
            "sysctl -w net.core.somaxconn=1000",
            'net.core.somaxconn: {at_least: "min(connections, 65535)"}',
        ),
    ],
)
def test_the_first_limit_that_binds_has_its_command_and_its_line(
    changed: dict[str, Any],
    service: Service,
    limit: str,
    carries: int,
    remedy: str,
    statement: str,
) -> None:
    obstacle = forecast(service, replace(HOST, **changed)).obstacle
    assert obstacle is not None
    assert obstacle.lift is not None
    assert (obstacle.limit, obstacle.allows, obstacle.remedy, obstacle.lift.statement) == (
        limit,
        carries,
        remedy,
        statement,
    )


def test_memory_that_is_short_has_no_line_in_a_profile() -> None:
    obstacle = forecast(server(10_000), replace(HOST, memory_available=20_000_000)).obstacle
    assert obstacle is not None
    # 15 of the 20 MB, at 4816 bytes and a hundredth of 147456.
    assert (obstacle.limit, obstacle.allows) == ("memory", 2384)
    assert (obstacle.remedy, obstacle.lift) == ("add memory, or stop what takes it", None)


def test_a_memory_group_counts_what_it_has_left() -> None:
    group = CgroupLimit(path="/m/memory.max", limit=10_000_000, used=1_000_000)
    found = rung("memory cgroup", server(3000), cgroup_memory=group)
    assert (found.allows, found.remedy) == (1430, "echo 24589600 > /m/memory.max")


def test_a_process_that_does_not_raise_its_soft_limit_stays_there() -> None:
    found = rung("rlimit.nofile", server(5000), nofile_soft=1024, nofile_hard=500_000)
    assert (found.value, found.allows) == (1024, 960)
    assert found.why == (
        "1 process of the service, each with its own; one that raises its soft limit by itself "
        "gets 500000"
    )


def test_the_parts_of_a_connection() -> None:
    found = model(proxy(app_bytes=8192), HOST)
    assert {part.name: (part.at_rest, part.active) for part in found.parts} == {
        "socket, file, inode": (9184, 9184),
        "epoll watch": (416, 416),
        "descriptor slot": (32, 32),
        "source port": (256, 256),
        "application": (8192, 8192),
        "socket buffers": (0, 294_912),
    }
    assert (found.at_rest, found.buffers) == (18_080, 294_912)
    assert found.under_load(1000) == 1000 * 18_080 + 10 * 294_912


def test_buffers_of_all_together_are_bounded_by_tcp_mem() -> None:
    found = model(server(active=1.0), HOST)
    assert found.ceiling == 575_796 * 4096
    assert found.queued(1_000_000) == found.ceiling
    fits = found.fits(8 << 30)
    assert found.under_load(fits) <= 8 << 30 < found.under_load(fits + 1)


def test_idle_connections_take_no_pages_of_tcp() -> None:
    found = rung("net.ipv4.tcp_mem", server(10**9, active=0.0))
    assert (found.allows, found.why) == (None, "idle connections take none of it")


@pytest.mark.parametrize(
    ("field", "limit"),
    [
        ("nr_open", "fs.nr_open"),
        ("file_max", "fs.file-max"),
        ("ports", "net.ipv4.ip_local_port_range"),
        ("memory_available", "memory"),
        ("max_user_watches", "fs.epoll.max_user_watches"),
        ("somaxconn", "net.core.somaxconn"),
    ],
)
def test_what_is_not_shown_is_unknown(field: str, limit: str) -> None:
    found = forecast(proxy(10), replace(HOST, **{field: None}))
    assert [each.limit for each in found.unknown] == [limit]


def test_hidden_pages_of_tcp_matter_only_to_who_has_something_in_its_buffers() -> None:
    hidden = replace(HOST, tcp_mem=())
    assert [each.limit for each in forecast(server(1), hidden).unknown] == ["net.ipv4.tcp_mem"]
    assert forecast(server(1, active=0.0), hidden).unknown == ()


def test_no_line_asks_for_less_than_what_a_host_needs_to_live() -> None:
    low = rung("net.ipv4.tcp_mem", server(200), tcp_mem=(1, 2, 3))
    assert low.lift is not None
    assert low.lift.values == (1024, 1024, 1024)


@pytest.mark.parametrize(("reuse", "allows"), [(2, 22_232), (1, 28_132)])
def test_ports_of_closed_connections_are_held_back(reuse: int, allows: int) -> None:
    found = rung("net.ipv4.ip_local_port_range", proxy(10_000, rate=100.0), time_wait_reuse=reuse)
    assert found.allows == allows
    assert found.why.endswith(f"; {28_232 - allows} are in TIME_WAIT at this rate")


def test_limits_of_closed_connections_stop_none() -> None:
    found = rung("net.ipv4.tcp_max_tw_buckets", server(10), time_wait_max=5, time_wait=4)
    assert (found.value, found.used, found.allows) == (5, 4, None)
