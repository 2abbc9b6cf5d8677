"""The ladder of `capacity` as a terminal of 80 columns shows it."""

from __future__ import annotations

from typing import Any

from tunekit.check.model import Finding, Status
from tunekit.errors import ExitCode
from tunekit.report import Format, render
from tunekit.report.model import Report


def rung(limit: str, value: str | None, status: str, **more: Any) -> dict[str, Any]:
    return {
        "limit": limit,
        "value": value,
        "in_use": None,
        "allows": None,
        "status": status,
        "why": "what it counts",
        "remedy": "",
        "profile": "",
        "section": "",
        **more,
    }


REPORT = Report(
    command="capacity",
    exit_code=ExitCode.NO,
    verdict="this host does not carry 5000 connections as a server: rlimit.nofile at 960, the "
    "next memory at 3000",
    next_step="ulimit -n 6024",
    findings=(Finding(check="capacity", status=Status.FAIL, subject="rlimit.nofile"),),
    data={
        "ladder": [
            rung(
                "rlimit.nofile",
                "1024",
                "fail",
                allows=960,
                remedy="ulimit -n 6024",
                profile="nofile: {at_least: connections // processes + 1024}",
                section="limits",
            ),
            rung("fs.file-max", str(2**63 - 1), "pass", in_use=1000, allows=2**63 - 1001),
            rung("memory", str(3 << 30), "pass", allows=3_000_000),
            rung("net.ipv4.tcp_mem", None, "unknown", why="not shown here"),
            rung("net.core.somaxconn", "4096", "skip"),
        ],
        "memory": {
            "connections": 5000,
            "active": 0.01,
            "parts": [
                {"name": "socket, file, inode", "at_rest": 4592, "active": 4592},
                {"name": "socket buffers", "at_rest": 0, "active": 147_456},
            ],
            "at_rest": 22_960_000,
            "under_load": 30_332_800,
        },
    },
)


def shown(*, everything: bool = False, width: int = 80) -> str:
    return render(REPORT, Format.TABLE, width=width, colour=False, everything=everything)


def test_the_answer_comes_first_and_each_limit_is_shown() -> None:
    assert (
        shown()
        == """\
this host does not carry 5000 connections as a server: rlimit.nofile at 960, the
next memory at 3000; ulimit -n 6024

limit               value     in use  allows      verdict
------------------  --------  ------  ----------  -------
rlimit.nofile       1024      -       960         fail
    what it counts; ulimit -n 6024
fs.file-max         2^63-1    1000    any number  pass
memory              3.00 GiB  -       3000000     pass
net.ipv4.tcp_mem    -         -       -           unknown
    not shown here
net.core.somaxconn  4096      -       -           skip

In a profile, with its variables connections and processes:
  limits:
    nofile: {at_least: connections // processes + 1024}

memory               idle    active
-------------------  ------  -------
socket, file, inode  4592 B  4592 B
socket buffers       0 B     144 KiB
one connection       4592 B  148 KiB

5000 connections: 21.9 MiB at rest, 28.9 MiB with 1% of them active.
"""
    )


def test_verbose_says_what_each_counts() -> None:
    assert shown(everything=True).count("what it counts") == 4


def test_no_line_is_wider_than_the_terminal() -> None:
    for width in (40, 60):
        assert all(len(line) <= width for line in shown(width=width).splitlines())
