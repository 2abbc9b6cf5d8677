"""Which listeners were cut, and which asked for no more."""

from __future__ import annotations

import pytest

from tests.unit.check.stale.builders import PRESENT, listener, program, running
from tunekit.check.model import Finding, Status
from tunekit.check.stale import Wanted, judge
from tunekit.kernel.processes import Group

WAS = Wanted(earlier={"net.core.somaxconn": ("512", "8192", "16384")})


def test_a_backlog_that_was_the_ceiling_before_is_suspect() -> None:
    found = program("nginx", listener(8192), listener(8192, 443, "::"), listener(512, 8080))

    assert judge(running(found), WAS) == (
        Finding(
            check="stale.backlog",
            status=Status.WARN,
            subject="nginx (nginx.service)",
            expected="up to 16384",
            observed="512 on 0.0.0.0:8080; 8192 on 0.0.0.0:80, [::]:443",
            reason="net.core.somaxconn was 512 or 8192 before and may have cut what it asked for; "
            "a listener keeps that until it listens anew, which a reload as a rule does not",
            remedy="systemctl restart nginx.service; where that changes nothing, raise its own "
            "setting (backlog= of the listen directive)",
        ),
    )


def test_the_kernels_default_is_suspect_without_a_journal() -> None:
    (finding,) = judge(running(program("web", listener(4096))), Wanted())

    assert (finding.status, finding.reason) == (
        Status.WARN,
        "4096 is the kernel's default of net.core.somaxconn and may have cut what it asked for; "
        "a listener keeps that until it listens anew, which a reload as a rule does not",
    )


def test_a_lower_backlog_is_the_programs_own_choice_and_says_how_to_raise_it() -> None:
    (finding,) = judge(running(program("redis-server", listener(511, 6379), group=Group())), WAS)

    assert finding == Finding(
        check="stale.backlog",
        status=Status.PASS,
        subject="redis-server",
        expected="up to 16384",
        observed="511 on 0.0.0.0:6379, its own choice",
        reason="the kernel never cut one to that, so the program asked for it",
        remedy="where it has to take more at once, raise its own setting (tcp-backlog), then: "
        "restart redis-server (pid 70, 71)",
    )


@pytest.mark.parametrize("backlog", [16384, 65535])
def test_a_backlog_at_the_ceiling_is_in_line(backlog: int) -> None:
    (finding,) = judge(running(program("web", listener(backlog))), WAS)

    assert (finding.status, finding.observed, finding.remedy) == (
        Status.PASS,
        f"{backlog} on 0.0.0.0:80",
        "",
    )


def test_nothing_is_suspect_while_the_ceiling_is_the_default() -> None:
    present = {**PRESENT, "net.core.somaxconn": "4096"}
    wanted = Wanted(earlier={"net.core.somaxconn": ("4096", "16384")})

    (finding,) = judge(running(program("web", listener(4096)), present=present), wanted)

    assert finding.status is Status.PASS


def test_many_places_are_a_few_and_a_number() -> None:
    found = program("web", *(listener(8192, port) for port in range(1, 701)))

    (finding,) = judge(running(found), WAS)

    assert finding.observed == "8192 on 0.0.0.0:1, 0.0.0.0:2, 0.0.0.0:3 and 697 more"


@pytest.mark.parametrize(
    ("more", "remedy"),
    [
        ({"group": Group(unit="app.service", user=True)}, "systemctl --user restart app.service"),
        ({"group": Group(container="3f3f3f3f3f3f")}, "restart the container 3f3f3f3f3f3f"),
        ({"group": Group()}, "restart web (pid 70, 71)"),
        ({"activated": True}, "restart the unit that `systemctl list-sockets` shows for it"),
        (
            {"name": "", "group": Group(), "pids": ()},
            "run as root to see which program it is, and restart that",
        ),
    ],
)
def test_the_remedy_is_how_the_program_is_run(more: dict[str, object], remedy: str) -> None:
    options = {"name": "web", **more}
    found = program(str(options.pop("name")), listener(8192), **options)

    finding = judge(running(found), WAS)[0]

    assert finding.remedy == (
        f"{remedy}; where that changes nothing, raise its own backlog setting"
    )
