"""Which connections and buffers are from before."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.unit.check.stale.builders import listener, program, running, sockets
from tunekit.check.model import Finding, Status
from tunekit.check.stale import Wanted, judge
from tunekit.kernel.processes import Group
from tunekit.kernel.running import Program, Role, Sockets

CONGESTION = "net.ipv4.tcp_congestion_control"
CHANGED = Wanted(earlier={CONGESTION: ("cubic", "bbr")})
SIZES = Wanted(
    buffers=True,
    earlier={
        "net.ipv4.tcp_rmem": ("4096 131072 33554432", "4096 262144 33554432"),
        "net.core.rmem_max": ("212992",),
        "net.core.wmem_max": ("212992",),
        "net.core.rmem_default": ("1000",),
    },
)
LOOKED = {"looked_at": 1}


def findings(check: str, wanted: Wanted, *some: Sockets) -> list[Finding]:
    found = judge(running(program("nginx", sockets=some)), wanted)
    return [row for row in found if row.check == check]


def test_connections_on_an_algorithm_of_before_are_suspect() -> None:
    old = sockets(Role.CONNECTION, 4999, congestion="cubic")
    other_sizes = sockets(Role.CONNECTION, 1, congestion="cubic", send=1)
    new = sockets(Role.CONNECTION, 1000, congestion="bbr")
    named = sockets(Role.CONNECTION, 7, congestion="dctcp")

    assert findings("stale.congestion", CHANGED, old, new, named, other_sizes) == [
        Finding(
            check="stale.congestion",
            status=Status.WARN,
            subject="nginx (nginx.service)",
            expected="bbr",
            observed="cubic on 5000 of 6007 connections",
            reason="a connection keeps the algorithm that it began with; new ones begin with bbr, "
            "also those that an old listener accepts",
            remedy="nothing where they end by themselves; else systemctl restart nginx.service",
        ),
        Finding(
            check="stale.congestion",
            status=Status.PASS,
            subject="nginx (nginx.service)",
            expected="bbr",
            observed="dctcp on 7 of 6007 connections, its own choice",
            reason="it was never the default during this boot, so the program named it",
        ),
    ]


def test_an_algorithm_that_never_changed_is_not_judged() -> None:
    old = sockets(Role.CONNECTION, congestion="cubic")

    assert findings("stale.congestion", Wanted(), old) == []
    assert findings("stale.congestion", Wanted(earlier={CONGESTION: ("bbr",)}), old) == []


@pytest.mark.parametrize(
    ("some", "status", "observed"),
    [
        (
            [sockets(Role.LISTENER, 2, receive=131072, looked_at=2)],
            Status.FAIL,
            "receive 131072 on 2 listeners",
        ),
        (
            [sockets(Role.LISTENER, 1, receive=131072)],
            Status.WARN,
            "receive 131072 on 1 listener",
        ),
        (
            [sockets(Role.CONNECTION, 9, receive=131072, looked_at=9)],
            Status.WARN,
            "receive 131072 on 9 connections",
        ),
        (
            [sockets(Role.DATAGRAM, 1, receive=1000, looked_at=1)],
            Status.FAIL,
            "receive 1000 on 1 UDP socket",
        ),
        (
            [sockets(Role.LISTENER, 1, receive=425984, looked_at=1, receive_locked=1)],
            Status.WARN,
            "receive 425984 on 1 listener",
        ),
        (
            [sockets(Role.CONNECTION, 3, send=425984, looked_at=3, send_locked=3)],
            Status.WARN,
            "send 425984 on 3 connections",
        ),
        (
            [sockets(Role.LISTENER, 1, receive=200000, looked_at=1, receive_locked=1)],
            Status.PASS,
            "receive 200000 on 1 listener, its own choice",
        ),
        (
            [sockets(Role.CONNECTION, 5000, send=9216, looked_at=100, send_locked=50)],
            Status.PASS,
            "send 9216 on about 2500 connections, its own choice",
        ),
        (
            [sockets(Role.CONNECTION, 5), sockets(Role.LISTENER, 1, refused=1)],
            Status.UNKNOWN,
            "6 sockets may not be looked at",
        ),
    ],
)
def test_buffers_are_told_apart_by_size_and_lock(
    some: Sequence[Sockets], status: Status, observed: str
) -> None:
    (finding,) = findings("stale.buffers", SIZES, *some)

    assert (finding.status, finding.observed) == (status, observed)
    assert finding.reason
    assert "nginx.service" in finding.remedy or status is Status.UNKNOWN


@pytest.mark.parametrize(
    "some",
    [
        # What the kernel gives now, and what it grew to.
        sockets(Role.LISTENER, receive=262144, looked_at=1),
        sockets(Role.CONNECTION, receive=777777, send=2626560, looked_at=1),
        # Just twice the ceiling of before, but no program set it.
        sockets(Role.CONNECTION, receive=425984, looked_at=1),
        # The kernel does not say.
        sockets(Role.CONNECTION, receive=None, send=None),
    ],
)
def test_what_the_kernel_sizes_now_is_no_finding(some: Sockets) -> None:
    assert findings("stale.buffers", SIZES, some) == []


def test_buffers_are_judged_only_where_sizes_matter() -> None:
    locked = sockets(Role.LISTENER, receive=9216, looked_at=1, receive_locked=1)

    assert findings("stale.buffers", Wanted(earlier=SIZES.earlier), locked) == []


def test_a_program_that_is_not_seen_has_its_sockets_judged_all_the_same() -> None:
    nobody: Program = program(
        "",
        listener(4096),
        group=Group(),
        pids=(),
        sockets=(sockets(Role.CONNECTION, 3, congestion="cubic"), sockets(Role.LISTENER)),
    )

    found = judge(running(nobody), CHANGED)

    assert [(row.check, row.subject) for row in found] == [
        ("stale.backlog", "(program not seen)"),
        ("stale.congestion", "(program not seen)"),
    ]
