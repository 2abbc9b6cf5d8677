"""The whole way of a user: look, apply, look again, undo. Writes real sysctls, in the fence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tunekit.report.json import schema

pytestmark = [pytest.mark.kernel, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
SYN_BACKLOG = Path("/proc/sys/net/ipv4/tcp_max_syn_backlog")
PROFILE = """\
tunekit: 1
name: mine
summary: A longer queue for every listener
vars:
  queue: 6000
sysctl:
  net.core.somaxconn: {at_least: queue, reason: the kernel cuts every listen backlog to this}
  net.ipv4.tcp_max_syn_backlog: {at_least: queue, reason: handshakes wait here}
limits:
  nofile: {at_least: 64}
"""


@pytest.fixture
def profile(tmp_path: Path) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(PROFILE)
    path.chmod(0o644)
    return str(path)


def tunekit(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run tunekit; returns its exit code and its report, which must be valid."""
    done = subprocess.run(
        [sys.executable, "-m", "tunekit", *arguments, "--format", "json"],
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    Draft202012Validator(schema()).validate(report)
    assert report["exit_code"] == done.returncode
    return done.returncode, report


def values() -> tuple[int, int]:
    return int(SOMAXCONN.read_text()), int(SYN_BACKLOG.read_text())


def test_a_profile_is_inspected_applied_and_undone(profile: str) -> None:
    before = values()

    code, report = tunekit("inspect", profile)
    assert code == 1
    assert report["changed"] is False
    assert [row["status"] for row in report["findings"]] == ["fail", "fail", "pass"]

    code, report = tunekit("apply", profile, "--dry-run")
    assert code == 0
    assert values() == before
    assert [row["outcome"] for row in report["changes"][:2]] == ["planned", "planned"]

    code, report = tunekit("apply", profile, "--no-probe")
    assert code == 0
    assert report["changed"] is True
    assert values() == (6000, 6000)
    assert {row["key"]: row["after"] for row in report["changes"]} == {
        "net.core.somaxconn": "6000",
        "net.ipv4.tcp_max_syn_backlog": "6000",
    }
    assert report["transaction"]["id"] == 1
    assert report["transaction"]["command"].startswith(f"tunekit apply {profile} --no-probe")

    assert tunekit("inspect", profile)[0] == 0

    code, report = tunekit("history")
    assert [row["state"] for row in report["transactions"]] == ["applied"]

    code, report = tunekit("rollback")
    assert code == 0
    assert values() == before
    assert [row["state"] for row in tunekit("history")[1]["transactions"]] == ["rolled back"]


def test_a_variable_is_set_on_the_command_line(profile: str) -> None:
    code, report = tunekit("apply", profile, "--no-probe", "--set", "queue=7k")

    assert code == 0
    assert values() == (7000, 7000)
    assert report["profile"]["variables"] == {"queue": 7000}


def test_applying_twice_makes_one_transaction(profile: str) -> None:
    tunekit("apply", profile, "--no-probe")
    code, report = tunekit("apply", profile, "--no-probe")

    assert code == 0
    assert (report["changed"], report["transaction"]) == (False, None)
    assert len(tunekit("history")[1]["transactions"]) == 1


def test_what_somebody_else_changed_is_refused_and_named(profile: str) -> None:
    tunekit("apply", profile, "--no-probe")
    SOMAXCONN.write_text("9000")

    code, report = tunekit("rollback")
    assert code == 5
    assert values()[0] == 9000
    refused = [row["key"] for row in report["changes"] if row["outcome"] == "refused"]
    assert refused == ["net.core.somaxconn"]

    assert tunekit("rollback", "1", "--force")[0] == 0
    assert values()[0] != 9000


def test_no_such_transaction_is_2() -> None:
    code, report = tunekit("rollback", "99")

    assert code == 2
    assert report["errors"][0]["kind"] == "UnknownTransaction"


def test_a_reader_that_went_away_does_not_stop_an_apply(profile: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "tunekit", "apply", profile, "--no-probe"],
            stdout=pipe,
            stderr=pipe,
            cwd=ROOT,
            check=False,
        )

    assert done.returncode == 0
    assert values() == (6000, 6000)


@pytest.mark.parametrize(
    ("command", "code"),
    [(["true"], 0), (["sh", "-c", "exit 7"], 7), (["/nonesuch"], 127), (["/etc/passwd"], 126)],
)
def test_run_exits_as_its_command_does(profile: str, command: list[str], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tunekit", "run", profile, "--", *command], cwd=ROOT, check=False
    )

    assert done.returncode == code
