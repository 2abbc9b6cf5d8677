"""What send returning means, ways to send, and sending over a distance; nothing is left."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tunekit.engine.interrupts import Guard
from tunekit.errors import Interrupted
from tunekit.probe.sockbuf import distance, meaning, strategies
from tunekit.probe.sockbuf.arithmetic import Distance
from tunekit.probe.sockbuf.distance import Stretch
from tunekit.probe.sockbuf.ways import Way

SHORT = Distance(round_trip=0.02, rate=25e6)


def children() -> set[str]:
    pid = os.getpid()
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


@pytest.mark.slow
def test_send_returns_before_the_peer_has_read_anything() -> None:
    outcome = meaning.explain(message=300_000, congestion=None, send=None)
    found = {row.name: row.measured for row in outcome.measurements}
    assert found["sockbuf.read_then"] == 0
    assert found["sockbuf.send_returned"] < found["sockbuf.read_last"]  # type: ignore[operator]
    lines = {
        row.parameters["of"]: row.samples
        for row in outcome.measurements
        if row.name == "sockbuf.timeline"
    }
    assert lines["read"][-1] == lines["accepted"][-1] == 300_000
    for name in ("time", "accepted", "acknowledged", "read"):
        assert list(lines[name]) == sorted(lines[name])


def test_a_full_direction_does_not_hinder_the_other() -> None:
    (row,) = meaning.answer(congestion=None).measurements
    assert row.measured == 4096


@pytest.mark.slow
def test_every_way_delivers_and_the_waiting_ones_ask_less() -> None:
    outcome = strategies.compare(sizes=(65536,), message=1 << 20, congestion=None, quick=True)
    calls = {
        row.parameters["strategy"]: row.measured
        for row in outcome.measurements
        if row.name == "sockbuf.strategy.calls" and row.parameters["reader"] == "slow"
    }
    assert set(calls) == {way.value for way in Way}
    assert calls[Way.BLOCKING.value] == 1
    assert calls[Way.LEVEL.value] < calls[Way.BUSY.value]  # type: ignore[operator]
    assert outcome.sentences[0].startswith("Best here: ")
    assert children() == set()


@pytest.mark.slow
def test_throughput_over_a_distance_is_what_the_send_buffer_allows() -> None:
    before = set(Path("/proc/self/fd").iterdir())
    outcome = distance.measure(
        Stretch(distance=SHORT, sndbuf=(65536,), rcvbuf=(None,), congestion=None)
    )
    trip, row = outcome.measurements
    path = str(trip.parameters["path"])
    assert path == "netem" or path.startswith(
        "a delay line between two TUN devices, since netem cannot be had ("
    )
    assert trip.measured is not None
    assert trip.measured >= SHORT.round_trip
    assert row.measured is not None
    assert row.predicted is not None
    # How near is a figure for a quiet machine; that it is not the path's rate is not.
    assert 0.3 * row.predicted < row.measured < 2 * row.predicted < 25e6
    assert row.parameters["expected_limit"] == "send buffer"
    assert children() == set()
    assert set(Path("/proc/self/fd").iterdir()) == before


@pytest.mark.slow
def test_an_interrupt_leaves_no_process() -> None:
    def interrupt(_text: str) -> None:
        os.kill(os.getppid(), signal.SIGINT)

    with pytest.raises(Interrupted), Guard() as guard, guard.raising():
        # The child hears of it, says so, and ends.
        distance.measure(
            Stretch(distance=SHORT, sndbuf=(None,) * 50, rcvbuf=(None,), congestion=None),
            interrupt,
        )
    assert children() == set()
