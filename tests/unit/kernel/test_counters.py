"""The kernel's counts are parsed from the texts that kernels print."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunekit.errors import ReadFailed
from tunekit.kernel import cgroups, counters
from tunekit.kernel.cgroups import CgroupLimit
from tunekit.kernel.counters import FileHandles, Slab

SOCKSTAT = """\
sockets: used 162
TCP: inuse 6 orphan 0 tw 1 alloc 8 mem 0
UDP: inuse 5 mem 0
FRAG: inuse 0 memory 0
"""
NETSTAT = """\
TcpExt: SyncookiesSent ListenOverflows ListenDrops
TcpExt: 0 14 15
IpExt: InNoRoutes InOctets
IpExt: 2 9223372036854775808
"""
SNMP = "Tcp: RtoAlgorithm MaxConn RetransSegs\nTcp: 1 -1 7\n"
SLABINFO = """\
slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables
TCP                   12     26   2368   13    8 : tunables    0    0    0 : slabdata 2 2 0
"""


def test_sockstat_has_a_number_for_each_group_and_name() -> None:
    found = counters.parse_sockstat(SOCKSTAT)
    assert found == {
        "sockets.used": 162,
        "TCP.inuse": 6,
        "TCP.orphan": 0,
        "TCP.tw": 1,
        "TCP.alloc": 8,
        "TCP.mem": 0,
        "UDP.inuse": 5,
        "UDP.mem": 0,
        "FRAG.inuse": 0,
        "FRAG.memory": 0,
    }


def test_events_come_from_pairs_of_lines() -> None:
    assert counters.parse_events(NETSTAT) == {
        "TcpExt.SyncookiesSent": 0,
        "TcpExt.ListenOverflows": 14,
        "TcpExt.ListenDrops": 15,
        "IpExt.InNoRoutes": 2,
        "IpExt.InOctets": 1 << 63,
    }


def test_an_absent_event_is_not_zero() -> None:
    assert "TcpExt.TCPZeroWindowDrop" not in counters.parse_events(NETSTAT)


def test_names_and_values_of_different_groups_are_refused() -> None:
    with pytest.raises(ReadFailed) as caught:
        counters.parse_events("TcpExt: A\nIpExt: 1\n")
    assert str(caught.value) == "a line of 'TcpExt' names is followed by values of 'IpExt'"


def test_memory_is_in_bytes_and_counts_are_as_they_are() -> None:
    text = "MemAvailable:   24388 kB\nSlab: 10 kB\nHugePages_Total:       3\n"
    assert counters.parse_memory(text) == {
        "MemAvailable": 24388 * 1024,
        "Slab": 10240,
        "HugePages_Total": 3,
    }


def test_open_files_and_their_maximum() -> None:
    assert counters.parse_file_handles("521\t0\t9223372036854775807\n") == FileHandles(
        allocated=521, maximum=(1 << 63) - 1
    )


def test_a_short_file_nr_is_refused() -> None:
    with pytest.raises(ReadFailed) as caught:
        counters.parse_file_handles("521\n")
    assert str(caught.value) == "fs/file-nr: '521' is not three numbers"


def test_slabs_come_below_the_heading() -> None:
    assert counters.parse_slabs(SLABINFO) == {"TCP": Slab(active=12, total=26, size=2368)}


def test_tasks_are_behind_the_slash() -> None:
    assert counters.parse_tasks("0.20 0.18 0.12 1/80 11206\n") == 80
    assert counters.parse_tasks("0.20 0.18\n") is None


def test_reading_takes_the_files_below_its_root(tmp_path: Path) -> None:
    net = tmp_path / "thread-self/net"
    net.mkdir(parents=True)
    (net / "sockstat").write_text(SOCKSTAT)
    (net / "netstat").write_text(NETSTAT)
    (net / "snmp").write_text(SNMP)
    assert counters.sockstat(tmp_path)["TCP.inuse"] == 6
    events = counters.tcp_events(tmp_path)
    assert (events["TcpExt.ListenOverflows"], events["Tcp.RetransSegs"]) == (14, 7)
    assert events["Tcp.MaxConn"] == -1


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReadFailed) as caught:
        counters.memory(tmp_path)
    assert str(caught.value) == f"{tmp_path}/meminfo: cannot be read: No such file or directory"


def group_tree(root: Path, *, version: int) -> None:
    (root / "thread-self").mkdir(parents=True)
    mount = root / "cg"
    (mount / "a/b").mkdir(parents=True)
    if version == 2:
        (root / "thread-self/cgroup").write_text("0::/a/b\n")
        (root / "thread-self/mountinfo").write_text(
            f"41 31 0:38 / {mount} rw,relatime shared:9 - cgroup2 cgroup2 rw\n"
        )
    else:
        (root / "thread-self/cgroup").write_text("4:cpu,memory:/box/a/b\n0::/\n")
        (root / "thread-self/mountinfo").write_text(
            f"35 31 0:32 /box {mount} rw,relatime - cgroup cgroup rw,memory\n"
        )


def test_the_tightest_group_of_version_2_is_found_above(tmp_path: Path) -> None:
    group_tree(tmp_path, version=2)
    inner, outer = tmp_path / "cg/a/b", tmp_path / "cg/a"
    (inner / "memory.max").write_text("max\n")
    (inner / "memory.current").write_text("100\n")
    (outer / "memory.max").write_text("5000\n")
    (outer / "memory.current").write_text("1000\n")
    found = cgroups.tightest("memory", root=tmp_path)
    assert found == CgroupLimit(path=f"{outer}/memory.max", limit=5000, used=1000)
    assert found.left == 4000


def test_version_1_without_a_limit_has_none(tmp_path: Path) -> None:
    group_tree(tmp_path, version=1)
    folder = tmp_path / "cg/a/b"
    (folder / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    (folder / "memory.usage_in_bytes").write_text("1\n")
    assert cgroups.tightest("memory", root=tmp_path) is None
    (folder / "memory.limit_in_bytes").write_text("4096\n")
    assert cgroups.tightest("memory", root=tmp_path) == CgroupLimit(
        path=f"{folder}/memory.limit_in_bytes", limit=4096, used=1
    )


def test_without_groups_nothing_limits(tmp_path: Path) -> None:
    assert cgroups.tightest("pids", root=tmp_path) is None
