"""The table of `stale`: what matters first, what does not in a line, and no text that does harm."""

from __future__ import annotations

import pytest

from tunekit.check.model import Finding, Status
from tunekit.errors import ExitCode
from tunekit.report.formats import Format, render
from tunekit.report.model import Report


def finding(check: str, status: Status, subject: str, **more: str) -> Finding:
    return Finding(check=f"stale.{check}", status=status, subject=subject, **more)


REPORT = Report(
    command="stale",
    exit_code=ExitCode.NO,
    verdict="2 programs run on old values; 1 could not be looked at",
    findings=(
        finding("backlog", Status.PASS, "sshd", observed="128 on 0.0.0.0:22", remedy="raise it"),
        finding("backlog", Status.PASS, "caddy", observed="65535 on [::]:443"),
        finding(
            "backlog",
            Status.WARN,
            "nginx (nginx.service)",
            expected="up to 16384",
            observed="4096 on 0.0.0.0:80",
            reason="it was 4096",
            remedy="systemctl restart nginx.service",
        ),
        finding(
            "nofile",
            Status.FAIL,
            "a\x1b[31m\nb",
            expected="65536:65536",
            observed="1024:524288 (1 process, pid 7)",
        ),
        finding("nofile", Status.SKIP, "cron"),
        finding("nofile", Status.SKIP, "getty"),
        finding("network", Status.SKIP, "network of colord (pid 9)"),
        finding("unseen", Status.UNKNOWN, "journal", observed="permission denied"),
    ),
)


def test_what_is_stale_comes_first_and_what_does_not_matter_is_a_line() -> None:
    assert render(REPORT, Format.TABLE, width=80, colour=False) == (
        "program                runs on                         wanted       verdict\n"
        "---------------------  ------------------------------  -----------  ---------\n"
        "a\\x1b[31m\\nb           1024:524288 (1 process, pid 7)  65536:65536  stale\n"
        "nginx (nginx.service)  4096 on 0.0.0.0:80              up to 16384  suspect\n"
        "    it was 4096; systemctl restart nginx.service\n"
        "journal                permission denied               -            unknown\n"
        "sshd                   128 on 0.0.0.0:22               -            not stale\n"
        "    raise it\n"
        "\n"
        "1 in line: caddy (--all shows them).\n"
        "\n"
        "2 below the limit of open files, but without a socket in this network: cron,\n"
        "getty (--all shows them).\n"
        "\n"
        "1 with a loopback alone: network of colord (pid 9) (--all shows them).\n"
        "\n"
        "2 programs run on old values; 1 could not be looked at\n"
    )


def test_all_is_shown_when_asked_for() -> None:
    text = render(REPORT, Format.TABLE, width=80, colour=False, everything=True)

    assert text.count("no matter") == 3
    assert "--all" not in text


@pytest.mark.parametrize("width", [20, 40, 60, 100])
def test_no_line_is_wider_than_asked(width: int) -> None:
    text = render(REPORT, Format.TABLE, width=width, colour=False)

    assert max(map(len, text.splitlines())) <= width
