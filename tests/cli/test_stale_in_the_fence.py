"""A real server, a change under it, and what it still runs on. Writes sysctls, in the fence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.support.fence import name_network
from tests.support.nginx import nginx
from tunekit.report.json import schema

pytestmark = [pytest.mark.kernel, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
PLACE = "127.0.0.1:8080"
PROFILE = """\
tunekit: 1
name: mine
sysctl:
  net.core.somaxconn: {at_least: 16384, reason: the kernel cuts every backlog to this}
"""


@pytest.fixture
def profile(tmp_path: Path) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(PROFILE)
    path.chmod(0o644)
    return str(path)


@pytest.fixture(autouse=True)
def _named() -> None:
    """Give the fence's network a name: with --netns other networks are not looked at."""
    name_network("fence")


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


def backlogs(*arguments: str) -> tuple[int, list[tuple[str, str, str]]]:
    """The exit code, and of each backlog found the program, its status and what it is."""
    code, report = tunekit("stale", "--netns", "fence", *arguments)
    rows = [row for row in report["findings"] if row["check"] == "stale.backlog"]
    return code, [(row["subject"], row["status"], row["observed"]) for row in rows]


def test_a_listener_keeps_its_old_backlog_over_a_reload_and_not_over_a_restart(
    profile: str, tmp_path: Path
) -> None:
    SOMAXCONN.write_text("5000")
    with nginx(tmp_path, PLACE, options="backlog=65000") as server:
        assert backlogs() == (0, [("nginx", "pass", f"5000 on {PLACE}")])
        assert tunekit("apply", profile)[0] == 0
        suspect = (1, [("nginx", "warn", f"5000 on {PLACE}")])
        assert backlogs() == suspect
        assert backlogs(profile) == suspect

        server.reload()
        assert backlogs() == suspect

    with nginx(tmp_path, PLACE, options="backlog=65000"):
        assert backlogs() == (0, [("nginx", "pass", f"16384 on {PLACE}")])


def test_a_lower_backlog_is_the_programs_own(profile: str, tmp_path: Path) -> None:
    with nginx(tmp_path, PLACE, options="backlog=700"):
        assert tunekit("apply", profile)[0] == 0
        assert backlogs() == (0, [("nginx", "pass", f"700 on {PLACE}, its own choice")])
