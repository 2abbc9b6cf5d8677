"""What `capacity` says each limit allows is what `verify` then reaches, within 2 %.

Limits of the whole host are met in a guest (tests/vm/test_capacity_vm.py).
"""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path
from typing import Any

import pytest

from tunekit import api
from tunekit.api.forecasting import Ends
from tunekit.errors import ExitCode
from tunekit.probe.connections import prove
from tunekit.probe.load import Load, Phase, Progress

SYSCTLS = Path("/proc/sys/net")
pytestmark = pytest.mark.slow


def first(connections: int, ends: Ends, **asked: Any) -> tuple[str, int]:
    """The first limit of a forecast, and the connections that it allows."""
    data = api.capacity(connections, ends=ends, active=0.0, **asked).data
    return data["first"], data["carries"]


def near(count: int, predicted: int) -> bool:
    return abs(count - predicted) <= 0.02 * predicted


def test_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (5000, 5000))
    forecasts = [first(6000, ends, processes=1) for ends in (Ends.SERVER, Ends.LOOPBACK)]

    proof = prove(Load(connections=6000, processes=1, patience=4, force=True))

    for limit, allows in forecasts:
        assert limit == "rlimit.nofile"
        assert near(proof.proved, allows)


def test_source_ports() -> None:
    (SYSCTLS / "ipv4/ip_local_port_range").write_text("30000 30999")
    limit, allows = first(1200, Ends.CLIENT, destinations=1)

    proof = prove(Load(connections=1200, processes=1, listeners=1, force=True))

    assert limit == "net.ipv4.ip_local_port_range"
    assert near(proof.proved, allows)


def test_the_accept_queue_under_a_burst() -> None:
    (SYSCTLS / "core/somaxconn").write_text("400")
    asked = {"processes": 1, "rate": 1_000_000}
    forecasts = [first(1000, ends, **asked) for ends in (Ends.SERVER, Ends.LOOPBACK)]

    def freeze(progress: Progress) -> None:
        if progress.phase is Phase.CONNECT:
            os.kill(progress.processes[0], signal.SIGSTOP)

    load = Load(connections=1000, processes=1, rate=1_000_000, patience=4, force=True)
    proof = prove(load, observe=freeze)

    for limit, allows in forecasts:
        assert limit == "net.core.somaxconn"
        assert near(proof.opened, allows)


def test_any_user_may_ask() -> None:
    api.capacity(10)  # What it imports may lie in a folder of root's.
    os.setresuid(65534, 65534, 65534)
    report = api.capacity(10, active=0.0)
    assert report.exit_code is ExitCode.OK
    assert report.host is not None
    assert report.host.euid == 65534
