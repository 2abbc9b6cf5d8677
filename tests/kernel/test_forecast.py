"""The limit that the forecast names first is the one that stops a load, at the count it says.

Each limit is set low, forecast, and then met with `force`. Limits of the whole host are met in a
guest (tests/vm/test_forecast_vm.py).
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunekit.check.capacity import Demand, forecast
from tunekit.check.ladder import Rung
from tunekit.kernel import capacity_facts, cgroups
from tunekit.probe.connections import prove
from tunekit.probe.load import Family, Load, Phase, Progress

ROOT = Path(__file__).parents[2]
SYSCTLS = Path("/proc/sys/net")
LIMITS = ("memory.max", "memory.limit_in_bytes")
pytestmark = pytest.mark.slow


def first_limit(demand: Demand) -> Rung:
    found = forecast(demand, capacity_facts.gather()).obstacle
    assert found is not None
    return found


def near(count: int, predicted: int | None) -> bool:
    return predicted is not None and abs(count - predicted) <= 0.02 * predicted


def test_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (5000, 5000))
    first = first_limit(Demand(connections=6000, processes=1))

    proof = prove(Load(connections=6000, processes=1, patience=4, force=True))

    assert proof.obstacle is not None
    assert proof.obstacle.limit == first.limit == "rlimit.nofile"
    assert near(proof.proved, first.allows)


@pytest.mark.parametrize("family", [Family.INET, Family.INET6])
def test_source_ports(family: Family) -> None:
    """With one destination, as when all clients are behind one address."""
    (SYSCTLS / "ipv4/ip_local_port_range").write_text("30000 30999")
    first = first_limit(Demand(connections=1200, processes=1, destinations=1))

    load = Load(connections=1200, processes=1, listeners=1, family=family, force=True)
    proof = prove(load)

    assert proof.obstacle is not None
    assert proof.obstacle.limit == first.limit == "net.ipv4.ip_local_port_range"
    assert near(proof.proved, first.allows)


def test_the_accept_queue_under_a_burst() -> None:
    """A burst arrives before the server gets to run, which it is kept from here."""
    (SYSCTLS / "core/somaxconn").write_text("400")
    first = first_limit(Demand(connections=1000, processes=1, rate=1_000_000))

    def freeze(progress: Progress) -> None:
        if progress.phase is Phase.CONNECT:
            os.kill(progress.processes[0], signal.SIGSTOP)

    load = Load(connections=1000, processes=1, rate=1_000_000, patience=4, force=True)
    proof = prove(load, observe=freeze)

    assert proof.obstacle is not None
    assert proof.obstacle.limit == first.limit == "net.core.somaxconn"
    assert near(proof.opened, first.allows)


@pytest.fixture
def memory_group() -> Iterator[Path]:
    """A memory control group below that of this process, to run a load in."""
    here = cgroups.own_folder("memory")
    if here is None:
        pytest.skip("no memory control group: mount cgroup2, or cgroup version 1's memory")
    group = here / f"tunekit-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no memory control group can be made in {here}: {error.strerror}")
    if not any((group / name).exists() for name in LIMITS):
        group.rmdir()
        pytest.skip(f"no memory controller below {here}: enable it in cgroup.subtree_control")
    yield group
    group.rmdir()


def test_the_memory_control_group(memory_group: Path) -> None:
    limit = next(memory_group / name for name in LIMITS if (memory_group / name).exists())
    limit.write_text(str(80 << 20))

    command = [sys.executable, "-m", "tests.support.in_group", str(memory_group), "15500"]
    done = subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    found = json.loads(done.stdout)

    (limit_predicted, predicted), (limit_met, accepted) = found["predicted"], found["met"]
    assert limit_met == limit_predicted == "memory cgroup"
    # While the server's end closes what it had, its listener goes on to answer: what it accepted
    # counts, not what was opened.
    assert near(accepted, predicted)
