"""What could not be looked at is said, and never passed over."""

from __future__ import annotations

from tests.unit.check.stale.builders import listener, program, running
from tunekit.check.model import Status
from tunekit.check.stale import Wanted, judge
from tunekit.kernel.processes import Group


def unseen(*programs: object, journal: str = "", **more: object) -> list[tuple[str, str]]:
    found = judge(running(*programs, **more), Wanted(journal=journal))  # type: ignore[arg-type]
    rows = [row for row in found if row.check == "stale.unseen"]
    assert all(row.status is Status.UNKNOWN and row.reason and row.remedy for row in rows)
    return [(row.subject, row.observed) for row in rows]


def test_each_thing_that_was_not_seen_is_a_finding() -> None:
    nobody = program("", listener(16384), group=Group(), pids=())
    closed = program("sshd", unreadable=3)

    assert unseen(
        nobody, closed, journal="permission denied", hidden=True, unasked="Protocol not supported"
    ) == [
        ("journal", "permission denied"),
        ("sockets", "Protocol not supported"),
        ("processes", "this mount of /proc hides the processes of others (hidepid)"),
        ("3 processes", "open files may not be seen: sshd"),
    ]


def test_closed_processes_are_no_matter_when_each_socket_has_its_program() -> None:
    assert unseen(program("web", listener(16384)), program("sshd", unreadable=3)) == []
