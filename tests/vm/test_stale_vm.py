"""What runs on old values, on a kernel without the modules of sock_diag."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tunekit.kernel import sockdiag

pytestmark = pytest.mark.slow

PROFILE = "tunekit: 1\nname: mine\nlimits: {nofile: {at_least: 5000}}\n"


def stale(*arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run(
        [sys.executable, "-m", "tunekit", "stale", *map(str, arguments), "--format", "json"],
        capture_output=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)["findings"]


@pytest.fixture(autouse=True)
def _without_sock_diag() -> None:
    try:
        sockdiag.listeners()
    except OSError:
        return
    pytest.skip("this kernel has sock_diag built in: the fence tests it")


def test_which_sockets_there_are_is_unknown_and_so_is_what_a_low_limit_means(
    tmp_path: Path,
) -> None:
    profile = tmp_path / "mine.yaml"
    profile.write_text(PROFILE, encoding="utf-8")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
    name = Path("/proc/self/comm").read_text().strip()
    try:
        code, findings = stale(profile)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert code == 3
    by_check = {row["check"]: row for row in findings}
    sockets, limits = by_check["stale.unseen"], by_check["stale.nofile"]
    assert (sockets["status"], sockets["subject"]) == ("unknown", "sockets")
    assert sockets["remedy"].startswith("modprobe -a tcp_diag udp_diag")
    assert limits["status"] == "unknown"
    assert name in limits["observed"]
