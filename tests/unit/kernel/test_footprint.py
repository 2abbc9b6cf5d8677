"""What memory a process has to itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tunekit.errors import ReadFailed
from tunekit.kernel import footprint

ROLLUP = """\
00400000-7ffe2d5f2000 ---p 00000000 00:00 0    [rollup]
Rss:               12000 kB
Shared_Clean:       8000 kB
Private_Clean:        40 kB
Private_Dirty:       960 kB
"""


def test_private_pages_are_added_up() -> None:
    assert footprint.parse_private(ROLLUP) == 1000 * 1024


def test_page_tables_are_counted() -> None:
    assert footprint.parse_tables("Name:\tx\nVmPTE:\t      44 kB\n") == 44 * 1024
    assert footprint.parse_tables("Name:\tx\n") == 0


def test_a_process_that_is_gone_cannot_be_weighed(tmp_path: Path) -> None:
    with pytest.raises(ReadFailed, match="cannot be read: No such file or directory"):
        footprint.private(1, root=tmp_path)


def test_this_process_has_memory_of_its_own() -> None:
    assert footprint.private(os.getpid()) > 100_000


@pytest.mark.parametrize(
    ("kilobytes", "tasks", "stack"),
    [(3200, 200, 16384), (3000, 200, 16384), (1500, 200, 8192), (3300, 200, 16384)],
)
def test_a_kernel_stack_is_a_power_of_two(
    tmp_path: Path, kilobytes: int, tasks: int, stack: int
) -> None:
    (tmp_path / "meminfo").write_text(f"KernelStack: {kilobytes} kB\n")
    (tmp_path / "loadavg").write_text(f"0.00 0.01 0.05 1/{tasks} 4242\n")
    assert footprint.kernel_stack(root=tmp_path) == stack


def test_children_that_are_not_listed_are_none(tmp_path: Path) -> None:
    assert footprint.children(1, root=tmp_path) == []
