"""The kernel command line and TuneD: who else sets keys at boot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.files.builders import boot_of
from tunekit.files import cmdline
from tunekit.files.model import Reader, Writer
from tunekit.values import SysctlKey

SOMAXCONN = SysctlKey.parse("net.core.somaxconn")
SWAPPINESS = SysctlKey.parse("vm.swappiness")
WANTED = "etc/systemd/system/multi-user.target.wants/tuned.service"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("quiet sysctl.net.core.somaxconn=5 root=/dev/vda\n", [("net/core/somaxconn", "5")]),
        ("sysctl.net/core/somaxconn=5 sysctl/vm.swappiness=1", None),
        ('sysctl.net.ipv4.tcp_wmem="1 2 3"', [("net/ipv4/tcp_wmem", "1 2 3")]),
        ('"sysctl.net.ipv4.tcp_wmem=1 2 3"', [("net/ipv4/tcp_wmem", "1 2 3")]),
        ("sysctl.a.b sysctl.a.b= sysctlx.a=1 xsysctl.a=1", []),
        ("sysctl.a.b=1 -- sysctl.a.b=2", [("a/b", "1")]),
        ("", []),
    ],
)
def test_the_command_line_of_a_kernel(text: str, found: list[tuple[str, str]] | None) -> None:
    if found is None:
        found = [("net/core/somaxconn", "5"), ("vm/swappiness", "1")]
    parsed = list(cmdline.parse(text))
    assert [(each.path, each.value) for each in parsed] == found
    assert {each.writer for each in parsed} <= {Writer.KERNEL}


TUNED = {
    WANTED: "-> /usr/lib/systemd/system/tuned.service",
    "etc/tuned/active_profile": "mine\n",
    "etc/tuned/mine/tuned.conf": (
        "[main]\ninclude=base\n\n[sysctl]\nnet.core.somaxconn = 9 # nine\nvm.swappiness=>5\n"
    ),
    "usr/lib/tuned/base/tuned.conf": (
        "[sysctl]\nnet.core.somaxconn=1\nnet.ipv4.tcp_fin_timeout=${fin}\n"
        "[other]\ntype=sysctl\nvm.dirty_ratio=3\n[disk]\nreadahead=1\n"
    ),
}


def test_the_active_profile_of_tuned_is_written_last(tmp_path: Path) -> None:
    lines = "net.core.somaxconn = 2\nvm.swappiness = 1\n"
    boot = boot_of(tmp_path, {**TUNED, "usr/lib/sysctl.d/a.conf": lines}, Reader.SYSTEMD)
    winner = boot.winner(SOMAXCONN)
    assert winner is not None
    assert (winner.writer, str(winner.origin)) == (Writer.TUNED, "/etc/tuned/mine/tuned.conf:5")
    assert boot.value(SOMAXCONN) == "9"
    # At least 5: it depends on what is there then.
    assert boot.value(SWAPPINESS) is None
    assert boot.value(SysctlKey.parse("vm.dirty_ratio")) == "3"
    assert boot.winner(SysctlKey.parse("vm.readahead")) is None


@pytest.mark.parametrize(("reapply", "value"), [("", "2"), ("reapply_sysctl = 0\n", "9")])
def test_tuned_writes_what_etc_says_once_more(tmp_path: Path, reapply: str, value: str) -> None:
    files = {
        **TUNED,
        "etc/tuned/tuned-main.conf": reapply,
        "etc/sysctl.d/a.conf": "net.core.somaxconn = 2\n",
    }
    assert boot_of(tmp_path, files, Reader.SYSTEMD).value(SOMAXCONN) == value


def test_a_tuned_that_does_not_start_sets_nothing(tmp_path: Path) -> None:
    files = {name: text for name, text in TUNED.items() if name != WANTED}
    assert boot_of(tmp_path, files, Reader.SYSTEMD).winner(SOMAXCONN) is None
