"""The host's own limits stop a load where the forecast says: fs.file-max, epoll, tcp_mem."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.forecasts import FILES_LAG, near
from tunekit.check.capacity import Demand, forecast
from tunekit.check.ladder import Rung
from tunekit.kernel import capacity_facts, counters
from tunekit.probe.connections import prove
from tunekit.probe.load import Load, Phase, Progress

SYSCTL = Path("/proc/sys")

pytestmark = pytest.mark.slow


@contextmanager
def setting(key: str, value: str) -> Iterator[None]:
    path = SYSCTL / key
    before = path.read_text()
    path.write_text(value)
    try:
        yield
    finally:
        path.write_text(before)


def first_limit(demand: Demand) -> Rung:
    found = forecast(demand, capacity_facts.gather()).obstacle
    assert found is not None
    return found


def test_the_open_files_of_the_host() -> None:
    allocated = counters.file_handles().allocated
    with setting("fs/file-max", str(allocated + 3000)):
        first = first_limit(Demand(connections=2000, processes=1, memory_share=0.75))
        proof = prove(Load(connections=2000, processes=1, patience=2, force=True))

    assert proof.obstacle is not None
    assert proof.obstacle.limit == first.limit == "fs.file-max"
    assert near(proof.opened, first.allows, slack=FILES_LAG)


def test_the_epoll_watches_of_a_user() -> None:
    with setting("fs/epoll/max_user_watches", "1000"):
        first = first_limit(Demand(connections=1500, processes=1, memory_share=0.75))
        proof = prove(Load(connections=1500, processes=1, patience=2, force=True))

    assert proof.obstacle is not None
    assert proof.obstacle.limit == first.limit == "fs.epoll.max_user_watches"
    assert near(proof.proved, first.allows)


SIZE = 256 << 10


def test_the_pages_of_tcp() -> None:
    """Messages that nobody reads are what takes them, so the server is kept from reading.

    No number of connections is stopped by it: each has its first segment whatever the limit
    (tcp_data_queue, net/ipv4/tcp_input.c), and only longer messages stall.
    """

    def freeze(progress: Progress) -> None:
        if progress.phase is Phase.HOLD:
            os.kill(progress.processes[0], signal.SIGSTOP)

    with tcp_pages(low=600, pressure=800, high=1000):
        first = first_limit(Demand(connections=100, in_flight=64, payload=SIZE, memory_share=0.75))
        load = Load(
            connections=100, processes=1, hold=1, messages=1, payload=SIZE, patience=2, force=True
        )
        proof = prove(load, observe=freeze)

    assert proof.obstacle is not None
    assert proof.obstacle.limit == first.limit == "net.ipv4.tcp_mem"


def test_the_messages_in_flight_stay_below_the_pages_of_tcp() -> None:
    taken = []

    def look(progress: Progress) -> None:
        taken.append(counters.sockstat()["TCP.mem"])

    with tcp_pages(low=1200, pressure=1300, high=1400):
        load = Load(connections=200, hold=0.5, messages=2, payload=SIZE, patience=5)
        proof = prove(load, observe=look)

    assert proof.ok
    assert proof.counters["TcpExt.TCPMemoryPressures"] == 0
    assert max(taken) < 1200


@contextmanager
def tcp_pages(*, low: int, pressure: int, high: int) -> Iterator[None]:
    used = counters.sockstat()["TCP.mem"]
    with setting("net/ipv4/tcp_mem", f"{used + low} {used + pressure} {used + high}"):
        yield
