"""On a host of its own: what `capacity` says is reached, and what it writes lifts every limit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.forecasts import FILES_LAG, near
from tunekit import api
from tunekit.api.forecasting import Ends
from tunekit.kernel import counters
from tunekit.probe.connections import prove
from tunekit.probe.load import Load

SYSCTL = Path("/proc/sys")

pytestmark = pytest.mark.slow


@contextmanager
def settings(values: dict[str, str]) -> Iterator[None]:
    """Set keys, named by their paths, and put them back."""
    before = {key: (SYSCTL / key).read_text() for key in values}
    try:
        for key, value in values.items():
            (SYSCTL / key).write_text(value)
        yield
    finally:
        for key, value in before.items():
            (SYSCTL / key).write_text(value)


def first(connections: int, ends: Ends) -> tuple[str, int]:
    data = api.capacity(connections, ends=ends, processes=1).data
    return data["first"], data["carries"]


def test_the_open_files_of_the_host() -> None:
    allocated = counters.file_handles().allocated
    with settings({"fs/file-max": str(allocated + 3000)}):
        limit, allows = first(2000, Ends.LOOPBACK)
        proof = prove(Load(connections=2000, processes=1, patience=10, force=True))

    assert limit == "fs.file-max"
    assert near(proof.opened, allows, slack=FILES_LAG)


@pytest.mark.parametrize("ends", [Ends.SERVER, Ends.LOOPBACK])
def test_the_epoll_watches_of_a_user(ends: Ends) -> None:
    with settings({"fs/epoll/max_user_watches": "700"}):
        limit, allows = first(900, ends)
        proof = prove(Load(connections=900, processes=1, patience=10, force=True))

    assert limit == "fs.epoll.max_user_watches"
    assert near(proof.proved, allows)


LOW = {
    "fs/nr_open": "1024",
    "fs/epoll/max_user_watches": "1000",
    "net/core/somaxconn": "100",
    "net/ipv4/ip_local_port_range": "30000 30499",
}


def test_the_profile_that_it_writes_lifts_every_limit(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    file_max = str(counters.file_handles().allocated + 1000)
    with settings({"fs/file-max": file_max, **LOW}):
        before = capacity("-c", "600", "--outgoing", "1", "--write-profile", str(path))
        applied = tunekit("apply", str(path), "--state-dir", str(tmp_path / "state"))
        after = capacity(str(path), "--outgoing", "1")

    assert before["exit_code"] == 1
    low = {rung["limit"] for rung in before["data"]["ladder"] if rung["status"] == "fail"}
    assert low == {
        "rlimit.nofile",
        "fs.nr_open",
        "fs.file-max",
        "fs.epoll.max_user_watches",
        "net.ipv4.ip_local_port_range",
    }
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert "600 of 600 connections opened and proved" in " ".join(applied.stdout.split())
    assert after["exit_code"] == 0
    assert {rung["status"] for rung in after["data"]["ladder"]} <= {"pass", "skip"}


def tunekit(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tunekit", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def capacity(*arguments: str) -> dict[str, Any]:
    done = tunekit("capacity", *arguments, "--format", "json")
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["exit_code"] == done.returncode
    return report
