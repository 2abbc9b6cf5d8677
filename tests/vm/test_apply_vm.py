"""The whole way on a host of its own: apply host-wide keys, read them back, run, roll back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SYSCTL = Path("/proc/sys")
WANTED = {"fs/file-max": 3_000_000, "fs/nr_open": 2_000_000, "net/core/rmem_max": 8 << 20}
NOFILE = 1_500_000
PROFILE = f"""\
tunekit: 1
name: whole-host
sysctl:
  fs.file-max: {{at_least: 3m}}
  fs.nr_open: {{at_least: 2m}}
  net.core.rmem_max: {{at_least: 8MiB}}
limits:
  nofile: {{at_least: {NOFILE}}}
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "whole-host.yaml"
    path.write_text(PROFILE, encoding="utf-8")
    return path


def tunekit(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tunekit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def values() -> dict[str, int]:
    return {key: int((SYSCTL / key).read_text()) for key in WANTED}


def test_a_profile_of_host_keys_is_applied_used_and_rolled_back(profile: Path) -> None:
    before = values()
    assert all(before[key] < wanted for key, wanted in WANTED.items())

    applied = tunekit("apply", profile, "--no-probe", "--format", "json")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert values() == WANTED
    outcomes = {row["key"]: row["outcome"] for row in json.loads(applied.stdout)["changes"]}
    keys = {key.replace("/", "."): "applied" for key in WANTED}
    assert {key: outcomes[key] for key in keys} == keys

    limits = tunekit("run", profile, "--", "sh", "-c", "ulimit -Sn; ulimit -Hn")
    assert (limits.returncode, limits.stdout) == (0, f"{NOFILE}\n{NOFILE}\n"), limits.stderr

    undone = tunekit("rollback", "--format", "json")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert values() == before


def test_a_limit_above_nr_open_is_refused_before_anything_starts(profile: Path) -> None:
    limits = tunekit("run", profile, "--", "sh", "-c", "echo started")
    assert (limits.returncode, limits.stdout) == (125, "")
    assert "fs.nr_open" in limits.stderr
