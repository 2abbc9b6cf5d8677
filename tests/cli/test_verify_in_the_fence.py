"""`verify` as a user meets it: exit codes, JSON, signals, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tunekit.kernel import counters
from tunekit.report.json import schema

pytestmark = [pytest.mark.kernel, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
NAMES = {
    "connections.asked",
    "connections.opened",
    "connections.proved",
    "connections.lost",
    "connect.rate",
    "connect.latency",
    "echo.rate",
    "echo.latency",
    "memory.kernel_per_connection",
    "memory.rss",
    "cpu.user",
    "cpu.system",
}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tunekit", "verify", *arguments]


def parsed(text: bytes | str, code: int) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(text)
    Draft202012Validator(schema()).validate(report)
    assert report["exit_code"] == code
    return report


def verify(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run it; returns its exit code and its report, which must be valid."""
    done = subprocess.run(
        command(*arguments, "--format", "json"), capture_output=True, cwd=ROOT, check=False
    )
    return done.returncode, parsed(done.stdout, done.returncode)


def figure(report: dict[str, Any], name: str, **parameters: object) -> float:
    (found,) = [
        row["measured"]
        for row in report["measurements"]
        if row["name"] == name and row["parameters"] == parameters
    ]
    return float(found)


def sockets() -> tuple[int, int]:
    found = counters.sockstat()
    return found["TCP.inuse"], found["TCP.tw"]


def test_every_figure_that_is_promised_is_in_the_report() -> None:
    code, report = verify("-c", "1k", "--hold", "300ms", "--messages", "2", "--active", "10%")
    assert code == 0
    assert {row["name"] for row in report["measurements"]} == NAMES
    assert report["verdict"] == "1000 of 1000 connections opened and proved as nobody"
    quantiles = {
        row["parameters"]["quantile"]
        for row in report["measurements"]
        if row["name"] == "connect.latency"
    }
    assert quantiles == {0.5, 0.9, 0.99, 0.999, 1.0}
    assert set(report["data"]["counters"].values()) == {0}


def test_a_rate_is_kept() -> None:
    code, report = verify("-c", "1k", "--rate", "5k")
    assert code == 0
    # All but one of each client's wait for their time, and a busy machine keeps them longer.
    assert figure(report, "connect.rate") <= 5000 * 1.01


@pytest.mark.parametrize("family", ["inet", "inet6", "unix"])
def test_every_family_is_proved(family: str) -> None:
    code, report = verify("-c", "500", "--family", family)
    assert (code, figure(report, "connections.proved")) == (0, 500)
    limits = {row["subject"] for row in report["findings"] if row["check"] == "capacity"}
    assert ("net.ipv4.ip_local_port_range" in limits) == (family != "unix")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--timeout", "0s"), "'0s' leaves no time"),
        (("--payload", "4"), "4 is less than 8"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, str], message: str) -> None:
    code, report = verify("-c", "10", *arguments)
    assert (code, report["errors"][0]["message"]) == (2, message)
    assert report["errors"][0]["key"] == arguments[0]


def test_a_load_out_of_reach_is_refused_and_nothing_is_opened() -> None:
    code, report = verify("-c", "50k", "--processes", "1")
    assert code == 3
    assert report["verdict"] == "50000 connections are out of reach here; nothing was opened"
    assert report["measurements"] == []
    (error,) = report["errors"]
    assert (error["key"], error["hint"]) == ("rlimit.nofile", "ulimit -n 50064")


def test_force_tries_and_compares() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (3000, 3000))
    code, report = verify("-c", "3100", "--processes", "1", "--force", "--timeout", "8s")
    assert code == 1
    (compared,) = [row for row in report["findings"] if row["check"] == "capacity.outcome"]
    assert compared["status"] == "pass"
    assert compared["expected"] == "rlimit.nofile in the way at 2949"
    assert figure(report, "connections.lost", phase="connect", cause="EMFILE") > 0


def test_somaxconn_of_4_with_a_thousand_at_once_is_refused_by_the_forecast() -> None:
    Path("/proc/sys/net/core/somaxconn").write_text("4")
    code, report = verify("-c", "1k", "--rate", "1m")
    assert code == 3
    assert report["errors"][0]["key"] == "net.core.somaxconn"


def begun(*arguments: str) -> subprocess.Popen[bytes]:
    """Start it, and wait until its processes hold their connections."""
    running = subprocess.Popen(
        command(*arguments),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = select.poll()
    while sockets()[0] < 2000 and running.poll() is None:
        deadline.poll(20)
    assert running.poll() is None
    return running


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGQUIT, 130)],
)
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_signal_ends_it_with_what_was_reached(number: int, code: int, elsewhere: bool) -> None:
    where = ("--netns", str(os.getpid())) if elsewhere else ()
    running = begun("-c", "1k", "--hold", "30s", "--format", "json", *where)

    running.send_signal(number)
    out, err = running.communicate(timeout=20)

    assert running.returncode == code
    report = parsed(out, code)
    assert figure(report, "connections.opened") == 1000
    assert report["verdict"].startswith("interrupted in the ")
    assert b"Traceback" not in err
    assert sockets() == (0, 0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_its_parent(number: int) -> None:
    running = begun("-c", "1k", "--hold", "30s")
    shards = children(running.pid)
    assert len(shards) == 4

    running.send_signal(number)
    running.communicate(timeout=20)

    for pid in shards:
        ended(pid)
    assert sockets()[1] == 0


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def ended(pid: int) -> None:
    """Wait for a process that is not a child of ours."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    assert poll.poll(10_000)
    os.close(watched)


def test_a_log_gets_lines_and_quiet_gets_none() -> None:
    arguments = ("-c", "500", "--hold", "6s")
    loud = subprocess.run(command(*arguments), capture_output=True, cwd=ROOT, check=True, text=True)
    # One every five seconds; a busy machine takes longer over it.
    assert re.fullmatch(r"(tunekit: [a-z ]+: \d+ of 500 connections[^\n]*\n)+", loud.stderr)
    quiet = subprocess.run(
        command("-c", "500", "-q"), capture_output=True, cwd=ROOT, check=True, text=True
    )
    assert quiet.stderr == ""


def test_a_run_out_of_time_is_bounded() -> None:
    code, report = verify("-c", "500", "--hold", "1h", "--timeout", "500ms")
    assert code == 1
    assert report["next_step"] == "--timeout 1"
    assert sockets() == (0, 0)
