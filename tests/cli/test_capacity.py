"""`capacity` as a user meets it: exit codes, JSON, and a profile that apply takes."""

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
PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
SOMAXCONN = Path("/proc/sys/net/core/somaxconn")


def tunekit(*arguments: str | Path, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tunekit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, **kwargs)


def capacity(*arguments: str | Path, **kwargs: Any) -> dict[str, Any]:
    """Run it; returns its report, which must be valid and say what the command exits with."""
    done = tunekit("capacity", *arguments, "--format", "json", **kwargs)
    report: dict[str, Any] = json.loads(done.stdout)
    Draft202012Validator(schema()).validate(report)
    assert report["exit_code"] == done.returncode
    return report


def rungs(report: dict[str, Any]) -> dict[str, str]:
    return {rung["limit"]: rung["status"] for rung in report["data"]["ladder"]}


def test_it_tells_how_many_and_the_first_limits() -> None:
    report = capacity("--nofile", "2k", "--active", "0")
    data = report["data"]
    assert report["exit_code"] == 0
    assert (data["first"], data["carries"], data["connections"]) == ("rlimit.nofile", 1936, None)
    assert report["verdict"].startswith(
        "this host carries 1936 connections as a server; the first limit is rlimit.nofile at 1936, "
        "the next "
    )


def test_a_limit_that_is_too_low_is_1_with_its_line() -> None:
    report = capacity("-c", "5k", "--nofile", "2k", "--processes", "2", "--active", "0")
    (low,) = [rung for rung in report["data"]["ladder"] if rung["status"] == "fail"]
    assert report["exit_code"] == 1
    assert (low["limit"], low["allows"]) == ("rlimit.nofile", 3872)
    assert low["profile"] == "nofile: {at_least: connections // processes + 1024}"
    assert report["next_step"] == low["remedy"] == "ulimit -n 3524"


def test_what_this_namespace_does_not_show_is_unknown_and_3() -> None:
    report = capacity("-c", "10")
    assert report["exit_code"] == 3
    assert rungs(report)["net.ipv4.tcp_mem"] == "unknown"
    assert report["verdict"] == (
        "whether this host carries 10 connections as a server cannot be told: net.ipv4.tcp_mem is "
        "not shown here"
    )


def test_a_profile_brings_its_connections_processes_and_descriptors() -> None:
    asked = ("--set", "connections=200k", "--set", "processes=20", "--active", "0")
    report = capacity("high-conn", *asked)
    nofile = report["data"]["ladder"][0]
    assert report["data"]["connections"] == 200_000
    assert int(nofile["value"]) >= 11_024
    assert nofile["allows"] == (int(nofile["value"]) - 64) * 20


def test_the_profile_that_it_writes_is_applied_and_then_it_carries_them(tmp_path: Path) -> None:
    PORTS.write_text("30000 30999")
    SOMAXCONN.write_text("100")
    path = tmp_path / "made.yaml"
    asked = ("--outgoing", "1", "--active", "0")

    before = capacity("-c", "3k", *asked, "--write-profile", path)
    assert (before["exit_code"], before["data"]["first"]) == (1, "net.ipv4.ip_local_port_range")
    assert before["next_step"] == f"the profile is written: tunekit apply {path}"

    applied = tunekit("apply", path, "--state-dir", tmp_path / "state")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert "3000 of 3000 connections" in applied.stdout
    assert SOMAXCONN.read_text() == "3000\n"

    after = capacity(path, *asked)
    assert after["exit_code"] == 0
    assert after["data"]["connections"] == 3000


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("precious")
    report = capacity("-c", "10", "--active", "0", "--write-profile", path)
    assert report["exit_code"] == 3
    assert report["errors"][0]["message"] == "cannot be written: file exists"
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == ["mine.yaml"]  # noqa: PTH208


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "-c 10 --role client",
            "a client has destinations; say how many: --outgoing DESTINATIONS",
        ),
        (
            "-c 10 --role server --outgoing 2",
            "--outgoing is for a client or a proxy, not for server; --role proxy",
        ),
        ("--set a=1", "--set is for the variables of a profile; name a profile"),
        (
            "--write-profile x.yaml",
            "x.yaml: a profile is written for a number of connections of a server, client or "
            "proxy; give --connections N and no --role loopback",
        ),
        ("--active 2", "--active: '2' is not a part of the whole; write 1% or 0.01, up to 100%"),
    ],
)
def test_a_question_that_makes_no_sense_is_2(arguments: str, message: str) -> None:
    done = tunekit("capacity", *arguments.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"tunekit: error: {message}\n"
