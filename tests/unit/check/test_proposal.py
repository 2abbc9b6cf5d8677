"""The profile that `capacity` writes: loads, and asks for what the ladder lacks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.check.test_service import HOST, proxy, server
from tunekit import profile
from tunekit.check import capacity
from tunekit.check.proposal import propose
from tunekit.check.service import Role, Service, forecast
from tunekit.kernel.capacity_facts import CapacityFacts
from tunekit.kernel.host import HostFacts
from tunekit.profile.model import Profile
from tunekit.values import SysctlKey

SIZE = HostFacts(ram=24 << 30, cpus=2, page_size=4096)
LOW: dict[str, Any] = {
    "nr_open": 4096,
    "file_max": 8192,
    "max_user_watches": 2000,
    "somaxconn": 128,
    "tcp_mem": (100, 200, 300),
    "ports": 1000,
    "port_low": 30_000,
    "port_high": 30_999,
    "conntrack_max": 1000,
    "conntrack_count": 10,
}


def proposal(service: Service, facts: CapacityFacts) -> str:
    proof = capacity.forecast(capacity.Demand(connections=service.connections), facts)
    return propose(service, forecast(service, facts), proof, SIZE)


def loaded(text: str, tmp_path: Any, **variables: str) -> Profile:
    path = tmp_path / "made.yaml"
    path.write_text(text, encoding="utf-8")

    def no_other_keys(key: SysctlKey) -> bool:
        return False

    return profile.load(
        str(path), variables=variables, facts=SIZE, kernel_has=no_other_keys, trust=True
    )


def lifted(facts: CapacityFacts, made: Profile) -> CapacityFacts:
    """The facts of a host that has what a profile asks for."""
    wanted: dict[str, Any] = {
        str(setting.key): setting.requirements[0].wanted for setting in made.settings
    }
    low, high = wanted.get("net.ipv4.ip_local_port_range", (facts.port_low, facts.port_high))
    return replace(
        facts,
        nr_open=wanted["fs.nr_open"][0],
        file_max=wanted["fs.file-max"][0],
        max_user_watches=wanted["fs.epoll.max_user_watches"][0],
        somaxconn=wanted["net.core.somaxconn"][0],
        tcp_mem=wanted["net.ipv4.tcp_mem"],
        conntrack_max=wanted["net.netfilter.nf_conntrack_max"][0],
        port_low=low,
        port_high=high,
        ports=high - low + 1,
        nofile_soft=made.limits[0].requirements[0].wanted[0],
    )


@pytest.mark.parametrize("service", [server(40_000, processes=3), proxy(40_000, processes=7)])
@pytest.mark.parametrize("connections", ["40k", "49k"])
def test_a_host_that_has_it_carries_the_connections(
    service: Service, connections: str, tmp_path: Any
) -> None:
    facts = replace(HOST, **LOW)
    made = loaded(proposal(service, facts), tmp_path, connections=connections)
    assert made.warnings == ()
    rate = 1e6 if service.role is Role.SERVER else None
    wanted = replace(service, connections=made.variables["connections"], rate=rate)
    assert len([rung for rung in forecast(wanted, facts).order if rung.remedy]) >= 5
    assert forecast(wanted, lifted(facts, made)).obstacle is None


def test_every_statement_has_its_reason_and_source(tmp_path: Any) -> None:
    made = loaded(proposal(proxy(40_000), replace(HOST, **LOW)), tmp_path)
    for each in (*made.settings, *made.limits):
        assert each.reason
        assert each.source


def test_what_holds_already_is_optional_and_what_does_not_is_not(tmp_path: Any) -> None:
    made = loaded(proposal(server(40_000), replace(HOST, file_max=8192)), tmp_path)
    assert {str(each.key): each.optional for each in made.settings} == {
        "fs.nr_open": True,
        "fs.file-max": False,
        "net.ipv4.tcp_mem": True,
        "fs.epoll.max_user_watches": True,
        "net.core.somaxconn": True,
    }


def test_a_number_that_cannot_be_proved_here_is_not_promised(tmp_path: Any) -> None:
    facts = replace(HOST, memory_available=300_000_000)
    text = proposal(server(30_000), facts)
    assert loaded(text, tmp_path).probe is None
    assert "# Not proved after an apply: with both ends on one host memory allows 14285.\n" in text


def test_a_whole_file(tmp_path: Any) -> None:
    text = proposal(server(30_000, processes=2), HOST)
    assert text.startswith(
        """\
# Made by `tunekit capacity` from a host with 24576 MiB of memory and 2 processors.
tunekit: 1
summary: 30000 connections of a server

vars:
  connections: 30000
  processes: 2

sysctl:
  fs.nr_open:
    at_least: max(524288, connections // processes + 1024)
    optional: true
    reason: no hard limit of open files can be above it, not even root's
    source: kernel/sys.c do_prlimit; proc_sys_fs(5)
"""
    )
    assert text.endswith(
        """\
limits:
  nofile:
    at_least: connections // processes + 1024
    reason: a descriptor for each socket of a process, and some of its own
    source: fs/file.c alloc_fd; getrlimit(2)

probe:
  connections: connections
"""
    )
