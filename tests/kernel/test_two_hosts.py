"""One server and two clients in network namespaces of their own, joined by veth: as a user does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tunekit.report.json import schema

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TARGETS = ("10.9.1.1:7077", "10.9.2.1:7077")


@pytest.fixture(autouse=True)
def _hosts() -> Iterator[None]:
    """`server` reaches `client1` and `client2`, each over veth; clients have two addresses."""
    ip("netns add server")
    ip("-n server link set lo up")
    for number in (1, 2):
        ip(f"netns add client{number}")
        ip(f"-n server link add veth{number} type veth peer name veth0 netns client{number}")
        ip(f"-n server addr add 10.9.{number}.1/24 dev veth{number}")
        ip(f"-n server addr add fd09:{number}::1/64 dev veth{number} nodad")
        ip(f"-n server link set veth{number} up")
        for last in (2, 3):
            ip(f"-n client{number} addr add 10.9.{number}.{last}/24 dev veth0")
        ip(f"-n client{number} addr add fd09:{number}::2/64 dev veth0 nodad")
        ip(f"-n client{number} link set veth0 up")
    yield
    for name in ("server", "client1", "client2"):
        assert sockets(name) == (0, 0), name
        ip(f"netns delete {name}")


def ip(arguments: str) -> str:
    done = subprocess.run(
        ["ip", *arguments.split()], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def sockets(name: str) -> tuple[int, int]:
    """TCP sockets that are open and in TIME_WAIT in a namespace."""
    line = next(
        line
        for line in ip(f"netns exec {name} cat /proc/net/sockstat").splitlines()
        if line.startswith("TCP:")
    ).split()
    return int(line[line.index("inuse") + 1]), int(line[line.index("tw") + 1])


@pytest.fixture
def token(tmp_path: Path) -> str:
    path = tmp_path / "token"
    path.write_text("a secret of both hosts\n")
    path.chmod(0o600)
    return str(path)


def tunekit(host: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tunekit", *arguments, "--netns", host, "--format", "json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )


def serve(*arguments: str) -> subprocess.Popen[str]:
    """Start the server and wait until it listens."""
    process = tunekit("server", "serve", *arguments)
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "on the other host: tunekit verify --target" in line, line
    return process


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a process; returns its report, which must be valid, and its words in `said`."""
    output, said = process.communicate(timeout=120)
    assert "Traceback" not in said
    report: dict[str, Any] = json.loads(output)
    Draft202012Validator(schema()).validate(report)
    assert report["exit_code"] == process.returncode
    return {**report, "said": said}


def verify(number: int, count: int, token: str, *arguments: str) -> subprocess.Popen[str]:
    target = ("--target", TARGETS[number - 1], "--token-file", token)
    return tunekit(f"client{number}", "verify", "-c", str(count), *target, *arguments)


def holds(client: subprocess.Popen[str]) -> None:
    """Wait until a client says that it holds its connections."""
    assert client.stderr is not None
    while "hold" not in client.stderr.readline():
        assert client.poll() is None


def proved(report: dict[str, Any]) -> dict[str, int]:
    """What each side says it has proved, by where."""
    return {
        str(row["parameters"].get("side", "both")): row["measured"]
        for row in report["measurements"]
        if row["name"] == "connections.proved"
    }


@pytest.mark.parametrize("each", [1000, 25_000])
def test_two_clients_and_their_server_agree_on_every_connection(each: int, token: str) -> None:
    server = serve("--listen", "0.0.0.0:7077", "--token-file", token)
    sources = ("--source", "10.9.2.2", "--source", "10.9.2.3")
    clients = [
        verify(1, each, token, "--hold", "1s"),
        verify(2, each, token, "--hold", "1s", *sources),
    ]
    reports = [ended(client) for client in clients]
    server.send_signal(signal.SIGTERM)
    served = ended(server)
    for report in reports:
        assert report["exit_code"] == 0, report["findings"]
        assert report["verdict"] == (
            f"{each} of {each} connections opened and proved as nobody; the server counted the same"
        )
        assert proved(report) == {"both": each, "here": each, "there": each}
    assert f"28232 source ports for {each} connections, over 1 pair" in reports[0]["said"]
    assert f"56464 source ports for {each} connections, over 2 pairs" in reports[1]["said"]
    assert served["exit_code"] == 143
    assert served["verdict"].startswith(f"served 2 sessions with {2 * each} proved connections")
    assert [row["status"] for row in served["findings"]] == ["pass", "pass"]


def test_ipv6_is_proved(token: str) -> None:
    server = serve("--listen", "[::]:7077", "--token-file", token)
    target = ("--target", "[fd09:1::1]:7077", "--token-file", token)
    report = ended(tunekit("client1", "verify", "-c", "500", *target))
    server.send_signal(signal.SIGINT)
    assert ended(server)["exit_code"] == 130
    assert proved(report) == {"both": 500, "here": 500, "there": 500}


def test_more_than_the_source_ports_is_out_of_reach(token: str) -> None:
    report = ended(verify(1, 30_000, token))
    assert report["exit_code"] == 3
    assert report["errors"][0]["message"] == (
        "30000 connections are out of reach: net.ipv4.ip_local_port_range allows 28232"
    )
    assert report["errors"][0]["hint"].endswith("or connect from more addresses: --source ADDR")


def test_a_token_that_others_may_read_is_refused(token: str) -> None:
    Path(token).chmod(0o644)
    report = ended(verify(1, 10, token))
    assert report["exit_code"] == 2
    assert report["errors"][0]["message"] == "others may use this token: its mode is 0644"
    assert report["errors"][0]["hint"] == f"chmod 600 {token}"


def test_off_loopback_a_token_is_needed() -> None:
    report = ended(tunekit("server", "serve", "--listen", "10.9.1.1:7077"))
    assert report["exit_code"] == 2
    assert report["errors"][0]["hint"] == "give --token-file FILE, and the same file to the clients"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_client_that_is_interrupted_says_how_far_it_came(token: str, number: int) -> None:
    server = serve("--listen", "0.0.0.0:7077", "--token-file", token)
    client = verify(1, 500, token, "--hold", "60s")
    holds(client)
    client.send_signal(number)
    report = ended(client)
    assert report["exit_code"] == 128 + number
    assert report["verdict"].startswith("interrupted in the hold phase: 500 of 500 connections")
    server.send_signal(signal.SIGINT)
    assert ended(server)["verdict"].startswith("served 1 session with 500 proved connections")


def test_a_server_that_ends_is_reported_by_its_client(token: str) -> None:
    server = serve("--listen", "0.0.0.0:7077", "--token-file", token)
    client = verify(1, 500, token, "--hold", "60s")
    holds(client)
    server.send_signal(signal.SIGTERM)
    report = ended(client)
    assert report["exit_code"] == 1
    assert report["verdict"] == (
        "only 0 of 500 connections were proved as nobody: server stopped it; the server did not "
        "count the same"
    )
    assert ended(server)["exit_code"] == 143
