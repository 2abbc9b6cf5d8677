"""Which line wins, which ones lose and to whom. The real readers are in tests/kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.files.builders import boot_of
from tunekit.files.model import Origin, Reader, Writer
from tunekit.values import SysctlKey

SOMAXCONN = SysctlKey.parse("net.core.somaxconn")
FILE_MAX = SysctlKey.parse("fs.file-max")
SYSTEMD = "usr/lib/systemd/systemd-sysctl"
both = pytest.mark.parametrize("reader", list(Reader))


@both
def test_the_last_file_by_name_wins_whatever_its_folder(tmp_path: Path, reader: Reader) -> None:
    files = {
        "etc/sysctl.d/10-x.conf": "net.core.somaxconn = 1\n",
        "usr/lib/sysctl.d/90-x.conf": "# comment\n\nnet/core/somaxconn=2\n",
    }
    boot = boot_of(tmp_path, files, reader)
    winner = boot.winner(SOMAXCONN)
    assert winner is not None
    assert winner.origin == Origin(file="/usr/lib/sysctl.d/90-x.conf", line=3)
    assert str(winner.origin) == "/usr/lib/sysctl.d/90-x.conf:3"
    assert boot.value(SOMAXCONN) == "2"
    assert [(str(each.assignment.origin), each.by) for each in boot.shadowed(SOMAXCONN)] == [
        ("/etc/sysctl.d/10-x.conf:1", "/usr/lib/sysctl.d/90-x.conf:3")
    ]


@both
@pytest.mark.parametrize("mask", ["", "-> /dev/null", "-> ../../nowhere"])
def test_a_mask_hides_the_files_of_its_name(tmp_path: Path, reader: Reader, mask: str) -> None:
    files = {
        "etc/sysctl.d/50-x.conf": mask,
        "usr/lib/sysctl.d/50-x.conf": "net.core.somaxconn = 2\n",
    }
    boot = boot_of(tmp_path, files, reader)
    assert boot.winner(SOMAXCONN) is None
    assert boot.value(SOMAXCONN, "4096") == "4096"
    assert [each.origin.file for each in boot.assignments(SOMAXCONN)] == [
        "/usr/lib/sysctl.d/50-x.conf"
    ]


def test_sysctl_conf_is_read_by_procps_alone_and_last(tmp_path: Path) -> None:
    files = {
        "etc/sysctl.conf": "net.core.somaxconn = 3\n",
        "etc/sysctl.d/zz.conf": "net.core.somaxconn = 1\n",
    }
    assert boot_of(tmp_path, files, Reader.SYSTEMD).value(SOMAXCONN) == "1"
    with_conf = boot_of(tmp_path / "other", files, Reader.PROCPS)
    assert with_conf.value(SOMAXCONN) == "3"
    winner = with_conf.winner(SOMAXCONN)
    assert winner is not None
    assert winner.writer is Writer.SYSCTL_CONF


def test_a_line_of_its_own_beats_a_later_wildcard(tmp_path: Path) -> None:
    files = {"etc/sysctl.d/a.conf": "net.core.somaxconn = 1\nnet.core.som* = 2\n"}
    for reader in Reader:
        boot = boot_of(tmp_path / reader.name, files, reader)
        assert boot.value(SOMAXCONN) == "1"
        assert [each.assignment.value for each in boot.shadowed(SOMAXCONN)] == ["2"]


def test_an_exclusion_takes_an_earlier_line_away_for_systemd_alone(tmp_path: Path) -> None:
    files = {"etc/sysctl.d/a.conf": "net.core.somaxconn = 1\n-net.core.somaxconn\n"}
    assert boot_of(tmp_path, files, Reader.SYSTEMD).value(SOMAXCONN, "7") == "7"
    assert boot_of(tmp_path / "other", files, Reader.PROCPS).value(SOMAXCONN, "7") == "1"


@pytest.mark.parametrize(("calls", "value"), [("fnmatch", "7"), ("", "2")])
def test_procps_knows_patterns_of_exclusion_when_it_calls_fnmatch(
    tmp_path: Path, calls: str, value: str
) -> None:
    files = {
        "usr/sbin/sysctl": f"\x7fELF\0{calls}\0",
        "etc/sysctl.d/a.conf": "-net.core.s*\nnet.core.som* = 2\n",
    }
    boot = boot_of(tmp_path, files)
    assert boot.reader is Reader.PROCPS
    assert boot.value(SOMAXCONN, "7") == value


def test_procps_keeps_the_last_value_that_the_kernel_takes(tmp_path: Path) -> None:
    files = {"etc/sysctl.d/a.conf": "net.core.somaxconn = 1\nnet.core.somaxconn = none\n"}
    procps = boot_of(tmp_path, files, Reader.PROCPS)
    assert procps.value(SOMAXCONN, "7") == "1"
    assert procps.winner(SOMAXCONN) == procps.lines[0]
    # systemd-sysctl writes only the last line, and that fails.
    assert boot_of(tmp_path / "other", files, Reader.SYSTEMD).value(SOMAXCONN, "7") == "7"


def test_a_short_vector_keeps_the_other_fields(tmp_path: Path) -> None:
    boot = boot_of(tmp_path, {"etc/sysctl.d/a.conf": "net.ipv4.tcp_wmem = 8192\n"}, Reader.SYSTEMD)
    wmem = SysctlKey.parse("net.ipv4.tcp_wmem")
    assert boot.value(wmem, "4096 16384 4194304") == "8192 16384 4194304"
    assert boot.value(wmem) is None


@pytest.mark.parametrize(
    ("files", "reader"),
    [
        ({SYSTEMD: "", "usr/sbin/sysctl": ""}, Reader.SYSTEMD),
        ({"sbin/sysctl": ""}, Reader.PROCPS),
        ({SYSTEMD: "", "etc/systemd/system/systemd-sysctl.service": "-> /dev/null"}, None),
        ({}, None),
    ],
)
def test_the_reader_is_the_one_that_the_root_starts(
    tmp_path: Path, files: dict[str, str], reader: Reader | None
) -> None:
    boot = boot_of(tmp_path, {**files, "etc/sysctl.d/a.conf": "net.core.somaxconn = 1\n"})
    assert boot.reader is reader
    assert (boot.winner(SOMAXCONN) is None) == (reader is None)


def test_systemd_raises_file_max_before_any_file(tmp_path: Path) -> None:
    files = {SYSTEMD: "", "usr/lib/systemd/systemd": ""}
    boot = boot_of(tmp_path, files)
    assert boot.value(FILE_MAX) == "9223372036854775807"
    lowered = boot_of(tmp_path, {"etc/sysctl.d/a.conf": "fs.file-max = 5\n"})
    assert lowered.value(FILE_MAX) == "5"
    assert [each.assignment.writer for each in lowered.shadowed(FILE_MAX)] == [Writer.MANAGER]


def test_bad_lines_are_told(tmp_path: Path) -> None:
    boot = boot_of(tmp_path, {"etc/sysctl.d/a.conf": "x = 1\nrubbish\n"}, Reader.SYSTEMD)
    assert [(str(bad.origin), bad.text) for bad in boot.bad] == [
        ("/etc/sysctl.d/a.conf:2", "rubbish")
    ]
