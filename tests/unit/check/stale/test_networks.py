"""Whose own copy of a setting differs."""

from __future__ import annotations

from typing import Any

from tests.unit.check.stale.builders import running
from tunekit.check.model import Finding, Status
from tunekit.check.stale import Wanted, judge
from tunekit.kernel.networks import Network
from tunekit.profile.model import Mode, Requirement

SOMAXCONN = "net.core.somaxconn"
RMEM = "net.ipv4.tcp_rmem"
WANTED = Wanted(
    profile="high-conn",
    settings={
        SOMAXCONN: (Requirement(mode=Mode.AT_LEAST, wanted=(16384,)),),
        RMEM: (Requirement(mode=Mode.AT_LEAST, wanted=(4096, 131072, 8388608)),),
    },
)
FINE = {SOMAXCONN: "20000", RMEM: "4096\t131072\t33554432"}
OTHER = {SOMAXCONN: "4096", RMEM: "4096\t131072\t33554432"}


def network(inode: int = 1, **more: Any) -> Network:
    found = {"pids": (inode,), "programs": ("redis",), "devices": ("eth0",), "values": OTHER}
    return Network(inode=inode, **{**found, **more})


def findings(*networks: Network, astray: int = 0) -> tuple[Finding, ...]:
    return judge(running(networks=networks, astray=astray), WANTED)


def test_a_copy_that_differs_is_suspect_with_the_command_that_mends_it() -> None:
    assert findings(network(name="blue")) == (
        Finding(
            check="stale.network",
            status=Status.WARN,
            subject="network blue",
            expected="as the profile wants",
            observed="1 of 2 settings differ",
            reason="each has its own copy, which nothing that is done here changes: "
            "net.core.somaxconn 4096 (wanted at least 16384)",
            remedy="tunekit apply high-conn --netns blue",
        ),
    )


def test_a_copy_that_meets_the_profile_is_in_line() -> None:
    (finding,) = findings(network(values=FINE))

    assert (finding.status, finding.subject) == (Status.PASS, "network of redis (pid 1)")


def test_containers_that_are_alike_are_one_finding() -> None:
    (finding,) = findings(
        *(network(inode, container=f"{inode:x}" * 12) for inode in (1, 2)),
        *(network(inode, container=f"{inode:x}" * 12) for inode in (3, 4, 5)),
    )

    assert finding.subject == ("5 containers 111111111111, 222222222222, 333333333333 and 2 more")
    assert finding.remedy == (
        "for network in 1 2 3 4 5; do tunekit apply high-conn --netns $network; done; "
        "for good: --sysctl KEY=VALUE where the container is started"
    )


def test_without_a_network_device_and_a_socket_there_is_no_load() -> None:
    lonely = network(devices=())
    serving = network(2, devices=(), sockets=3)

    assert [row.status for row in findings(lonely, serving)] == [Status.SKIP, Status.WARN]


def test_what_may_not_be_entered_or_seen_is_unknown() -> None:
    closed = "not permitted to enter the network namespace '1'"
    found = findings(network(values={}, closed=closed), network(2, closed=closed), astray=40)

    assert [(row.status, row.subject, row.observed) for row in found] == [
        (Status.UNKNOWN, "2 networks of redis (pid 1, 2)", closed),
        (Status.UNKNOWN, "40 processes", "the network namespace may not be seen"),
    ]
