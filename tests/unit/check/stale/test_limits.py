"""Whose limit of open files is below the profile's."""

from __future__ import annotations

from tests.unit.check.stale.builders import listener, program, running
from tunekit.check.model import Finding, Status
from tunekit.check.stale import Wanted, judge
from tunekit.kernel.processes import Group

SHORT = (1024, 524288)
WANTED = Wanted(profile="high-conn", nofile={SHORT: (65536, 524288)})
LISTENS = listener(16384)


def findings(*programs: object, wanted: Wanted = WANTED, **more: object) -> list[Finding]:
    found = judge(running(*programs, **more), wanted)  # type: ignore[arg-type]
    return [row for row in found if row.check == "stale.nofile"]


def test_a_service_below_the_profile_is_stale_with_the_command_for_now_and_for_good() -> None:
    assert findings(
        program("nginx", LISTENS, nofile={SHORT: (70, 71), (1 << 20, 1 << 20): (72,)})
    ) == [
        Finding(
            check="stale.nofile",
            status=Status.FAIL,
            subject="nginx (nginx.service)",
            expected="65536:524288",
            observed="1024:524288 (2 processes, pid 70, 71)",
            reason="each connection is an open file; at the soft limit accept() fails with EMFILE",
            remedy="tunekit apply high-conn --pid 70 --pid 71; for good: systemctl edit "
            "nginx.service with LimitNOFILE=65536:524288, then systemctl restart nginx.service",
        )
    ]


def test_many_processes_are_one_command() -> None:
    (finding,) = findings(
        program("a b", LISTENS, group=Group(), nofile={SHORT: tuple(range(70, 90))})
    )

    assert finding.observed == "1024:524288 (20 processes, pid 70, 71, 72 and 17 more)"
    assert finding.remedy == (
        "for pid in $(pgrep -x -- 'a b'); do prlimit --pid $pid --nofile=65536:524288; done; "
        "for good: start it with tunekit run high-conn -- COMMAND"
    )


def test_a_container_is_told_its_own_option_and_no_limit_its_own_word() -> None:
    wanted = Wanted(profile="x", nofile={SHORT: (-1, -1)})
    where = Group(container="3f3f3f3f3f3f")
    (contained,) = findings(
        program("web", LISTENS, group=where, nofile={SHORT: (7,)}), wanted=wanted
    )
    (in_unit,) = findings(program("web", LISTENS, nofile={SHORT: (7,)}), wanted=wanted)

    assert contained.expected == "unlimited:unlimited"
    assert contained.remedy.endswith("start it with --ulimit nofile=unlimited:unlimited")
    assert "with LimitNOFILE=infinity:infinity," in in_unit.remedy


def test_who_holds_no_socket_does_not_matter() -> None:
    (finding,) = findings(program("cron", nofile={SHORT: (7,)}))

    assert (finding.status, finding.reason) == (
        Status.SKIP,
        "holds no socket of this network namespace, and so none of its load",
    )


def test_who_may_not_be_looked_at_is_unknown_only_while_sockets_have_no_holder() -> None:
    closed = program("cron", nofile={SHORT: (7,)}, unreadable=1)
    nobody = program("", LISTENS, group=Group(), pids=())

    assert [row.status for row in findings(closed)] == [Status.SKIP]
    (unknown,) = findings(closed, program("at", nofile={SHORT: (8,)}, unreadable=1), nobody)
    assert (unknown.subject, unknown.observed) == (
        "2 programs",
        "less: cron (nginx.service), at (nginx.service)",
    )
    assert [row.status for row in findings(closed, nobody)] == [Status.UNKNOWN]
    seen = program("cron", nofile={SHORT: (7,)})
    assert [row.status for row in findings(seen, nobody)] == [Status.SKIP]
    assert [row.status for row in findings(seen, unasked="No such file")] == [Status.UNKNOWN]
