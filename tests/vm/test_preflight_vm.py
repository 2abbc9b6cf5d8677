"""The gate on a host of its own: every remedy that is a command is run, and mends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tunekit.kernel import counters

FILE_MAX = Path("/proc/sys/fs/file-max")
SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
PROFILE = """\
tunekit: 1
name: mine
sysctl:
  net.core.somaxconn: {at_least: 20000}
probe: {connections: 900}
"""

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = {path: path.read_text() for path in (FILE_MAX, SOMAXCONN)}
    yield
    for path, text in before.items():
        path.write_text(text)
    Path("/etc/sysctl.d/90-tunekit-mine.conf").unlink(missing_ok=True)


def failing(profile: Path) -> tuple[int, dict[str, Any]]:
    """Run the gate; returns its exit code, and what mends each thing that fails."""
    command = ["preflight", str(profile), "--skip", "stale", "--format", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "tunekit", *command], capture_output=True, text=True, check=False
    )
    rows = json.loads(done.stdout)["findings"]
    return done.returncode, {
        f"{row['check']} {row['subject']}": row["remedy"] for row in rows if row["status"] == "fail"
    }


def test_every_command_mends(tmp_path: Path) -> None:
    profile = tmp_path / "mine.yaml"
    profile.write_text(PROFILE)
    profile.chmod(0o644)
    FILE_MAX.write_text(str(counters.file_handles().allocated + 800))

    code, remedies = failing(profile)

    assert code == 1
    assert list(remedies) == [
        "settings net.core.somaxconn",
        "boot net.core.somaxconn",
        "capacity fs.file-max",
    ]
    assert remedies["boot net.core.somaxconn"] == f"tunekit persist {profile}"
    for command in remedies.values():
        here = command.replace("tunekit ", f"{sys.executable} -m tunekit ", 1)
        done = subprocess.run(["sh", "-c", here], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert failing(profile) == (0, {})
