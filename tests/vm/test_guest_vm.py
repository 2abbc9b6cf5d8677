"""The guest itself: what the other tests of this folder stand on."""

from __future__ import annotations

import os
import resource
from pathlib import Path

SYSCTL = Path("/proc/sys")


def test_the_guest_is_a_machine_of_its_own() -> None:
    assert os.geteuid() == 0
    assert Path("/proc/1/cmdline").read_bytes().split(b"\0")[-2] == b"/init"
    assert sorted(path.name for path in Path("/sys/class/net").iterdir()) == ["lo"]


def test_a_host_key_can_be_raised_in_the_guest() -> None:
    file_max = SYSCTL / "fs/file-max"
    before = int(file_max.read_text())
    file_max.write_text(str(before + 4096))
    assert int(file_max.read_text()) == before + 4096
    file_max.write_text(str(before))


def test_a_hard_limit_follows_nr_open() -> None:
    nr_open = SYSCTL / "fs/nr_open"
    before = nr_open.read_text().strip()
    nr_open.write_text("2000000")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, 2000000))
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, 2000000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        nr_open.write_text(before)
