"""Where the kernel has netem, it is what delays the path; and nothing of the path is left."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.vm.modules import load
from tunekit.probe.sockbuf import distance
from tunekit.probe.sockbuf.arithmetic import Distance
from tunekit.probe.sockbuf.distance import Stretch


def test_a_path_is_delayed_by_netem() -> None:
    for module in ("veth", "sch_netem"):
        load(module)
    devices = set(Path("/sys/class/net").iterdir())
    way = Distance(round_trip=0.05, rate=25e6)

    trip, row = distance.measure(
        Stretch(distance=way, sndbuf=(65536,), rcvbuf=(None,), congestion=None)
    ).measurements

    assert trip.parameters["path"] == "netem"
    assert trip.measured is not None
    assert trip.measured >= way.round_trip
    # netem holds each byte for half the round trip whatever the guest's speed is, so that 64 KiB
    # never go faster; emulation makes them slower.
    assert row.predicted is not None
    assert row.measured is not None
    assert 0 < row.measured < 1.2 * row.predicted < way.rate
    assert set(Path("/sys/class/net").iterdir()) == devices
    assert not Path("/proc/self/task", str(os.getpid()), "children").read_text()
