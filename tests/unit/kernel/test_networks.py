"""Which other network namespaces there are."""

from __future__ import annotations

from pathlib import Path

from tunekit.kernel.networks import Network, find, parse_devices
from tunekit.kernel.processes import Group, Process

TABLE = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs
    lo:    1234      12    0    0    0     0          0         0     1234      12    0
  eth0: 9999999   99999    0    0    0     0          0         0  9999999   99999    0
eth0.100@x:   0       0    0    0    0     0          0         0        0       0    0
"""


def test_processes_are_gathered_by_the_namespace_they_are_in(tmp_path: Path) -> None:
    contained = Group(container="3f3f3f3f3f3f")
    seen = [
        Process(pid=1, name="init", network=100),
        Process(pid=2, name="redis", network=200, group=contained),
        Process(pid=3, name="sh", network=200, group=contained),
        Process(pid=4, name="sh", network=200),
        Process(pid=5, name="hidden", network=None),
        Process(pid=6, name="web", network=300),
    ]
    (tmp_path / "left-over").touch()

    assert list(find(seen, 100, named=tmp_path)) == [
        Network(inode=200, container="3f3f3f3f3f3f", pids=(2, 3, 4), programs=("redis", "sh")),
        Network(inode=300, pids=(6,), programs=("web",)),
    ]


def test_the_devices_but_for_the_loopback_are_listed() -> None:
    assert parse_devices(TABLE) == ("eth0", "eth0.100@x")
