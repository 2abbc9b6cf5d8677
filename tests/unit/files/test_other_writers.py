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
    "etc/tuned/tuned-main.conf": "",
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
    # At least 5: without the line in sysctl.d it would depend on what is there then.
    assert boot.value(SWAPPINESS) == "5"
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


@pytest.mark.parametrize(
    ("files", "value"),
    [
        # What TuneD repeats is read in its own way: /run before /etc, no wildcards, every line.
        ({"run/sysctl.d/a.conf": "net.core.somaxconn=3\n", "etc/sysctl.d/a.conf": "#\n"}, "3"),
        ({"etc/sysctl.d/a.conf": "net.core.somax*=3\n"}, "9"),
        ({"etc/sysctl.d/a.conf": "-net.core.somaxconn=3\n"}, "9"),
        ({"etc/sysctl.conf": "net.core.somaxconn=4\n"}, "4"),
        ({"etc/tuned/profile_mode": "manual\n"}, "9"),
        # TuneD does nothing at all where one of its files is wrong.
        ({"etc/tuned/tuned-main.conf": "reapply_sysctl=perhaps\n"}, None),
        ({"etc/tuned/active_profile": "mine nosuch\n"}, None),
        ({"etc/tuned/mine/tuned.conf": "[main]\ninclude=nosuch\n"}, None),
        ({"etc/tuned/mine/tuned.conf": "net.core.somaxconn=9\n"}, None),
        ({"etc/tuned/profile_mode": "both\n"}, None),
        # Profiles on top of it, of the same name, and of newer TuneD.
        ({"etc/tuned/post_loaded_profile": "base\n"}, "9"),
        (
            {
                "etc/tuned/post_loaded_profile": "late\n",
                "usr/lib/tuned/late/tuned.conf": "[sysctl]\nnet.core.somaxconn=6\n",
            },
            "6",
        ),
        ({"etc/tuned/mine/tuned.conf": "[main]\ninclude=-nosuch,base\n"}, "1"),
        (
            {
                "etc/tuned/mine/tuned.conf": "[main]\ninclude=mine\n",
                "usr/lib/tuned/mine/tuned.conf": "[sysctl]\nnet.core.somaxconn=7\n",
            },
            "7",
        ),
        (
            {
                "usr/lib/tuned/profiles/mine/tuned.conf": "[sysctl]\nnet.core.somaxconn=8\n",
                "etc/tuned/mine/tuned.conf": "[sysctl]\nnet.core.somaxconn=9\n",
            },
            "8",
        ),
        # What a section says of itself.
        ({"etc/tuned/mine/tuned.conf": "[sysctl]\nenabled=0\nnet.core.somaxconn=9\n"}, None),
        ({"etc/tuned/mine/tuned.conf": "[sysctl]\nuname_regex=x\nnet.core.somaxconn=9\n"}, None),
        (
            {
                "etc/tuned/tuned-main.conf": "uname_string = Linux x\n",
                "etc/tuned/mine/tuned.conf": "[sysctl]\nuname_regex=x\nnet.core.somaxconn=9\n",
            },
            "9",
        ),
        (
            {
                "etc/tuned/mine/tuned.conf": (
                    "[main]\ninclude=base\n[sysctl]\nreplace=1\nvm.swappiness=1\n"
                )
            },
            None,
        ),
        (
            {
                "etc/tuned/mine/tuned.conf": (
                    "[variables]\na=4\nb=${a}0\n[sysctl]\nnet.core.somaxconn=${b}\n"
                )
            },
            "40",
        ),
    ],
)
def test_what_tuned_makes_of_its_files(
    tmp_path: Path, files: dict[str, str], value: str | None
) -> None:
    assert boot_of(tmp_path, TUNED | files, Reader.SYSTEMD).value(SOMAXCONN) == value


def test_a_slash_in_a_key_is_a_dot_to_newer_tuned_only(tmp_path: Path) -> None:
    files = {"etc/tuned/mine/tuned.conf": "[sysctl]\nnet.ipv4.conf.eth0/1.rp_filter=1\n"}
    key = SysctlKey.parse("net.ipv4.conf.eth0/1.rp_filter")
    plugin = "usr/lib/python3/dist-packages/tuned/plugins/plugin_sysctl.py"

    assert boot_of(tmp_path / "new", TUNED | files, Reader.SYSTEMD).value(key) == "1"
    older = TUNED | files | {plugin: "option.replace('.', '/')"}
    assert boot_of(tmp_path / "old", older, Reader.SYSTEMD).value(key) is None


def test_one_release_keeps_the_first_priority_of_a_section(tmp_path: Path) -> None:
    files = TUNED | {
        "usr/lib/tuned/base/tuned.conf": (
            "[more]\ntype=sysctl\nnet.core.somaxconn=1\n[sysctl]\nnet.core.somaxconn=2\n"
        ),
        "etc/tuned/mine/tuned.conf": (
            "[main]\ninclude=base\n[more]\ntype=sysctl\npriority=5\nvm.swappiness=1\n"
        ),
    }
    folder = "usr/lib/python3/dist-packages/tuned/profiles"

    assert boot_of(tmp_path / "new", files, Reader.SYSTEMD).value(SOMAXCONN) == "1"
    release = files | {f"{folder}/merger.py": "", f"{folder}/unit.py": "self._priority"}
    assert boot_of(tmp_path / "old", release, Reader.SYSTEMD).value(SOMAXCONN) == "2"


def test_the_section_vm_of_newer_tuned_sets_keys(tmp_path: Path) -> None:
    text = "[vm]\ndirty_bytes = 40%\ndirty_background_bytes=5000000\ndirty_background_ratio=x\n"
    files = TUNED | {"etc/tuned/mine/tuned.conf": text}

    boot = boot_of(tmp_path / "new", files, Reader.SYSTEMD)
    assert boot.value(SysctlKey.parse("vm.dirty_ratio")) == "40"
    assert boot.value(SysctlKey.parse("vm.dirty_background_bytes")) == "5000000"
    assert boot.winner(SysctlKey.parse("vm.dirty_bytes")) is None
    assert boot.winner(SysctlKey.parse("vm.dirty_background_ratio")) is None
    plugin = "usr/lib/python3.11/site-packages/tuned/plugins/plugin_vm.py"
    older = boot_of(tmp_path / "old", files | {plugin: "class VMPlugin"}, Reader.SYSTEMD)
    assert older.winner(SysctlKey.parse("vm.dirty_ratio")) is None


@pytest.mark.parametrize(
    ("files", "unread"),
    [
        (
            {"etc/tuned/active_profile": ""},
            ("/etc/tuned/active_profile", "TuneD chooses a profile by the hardware when it starts"),
        ),
        (
            {"etc/tuned/mine/tuned.conf": "[main]\ninclude=${f:virt_check:a:b}\n"},
            ("/etc/tuned/mine/tuned.conf", "TuneD works out what line 2 includes when it starts"),
        ),
    ],
)
def test_a_profile_that_tuned_chooses_later_is_unknown(
    tmp_path: Path, files: dict[str, str], unread: tuple[str, str]
) -> None:
    boot = boot_of(tmp_path, TUNED | files, Reader.SYSTEMD)
    assert [(each.path, each.cause) for each in boot.unread] == [unread]


def test_a_masked_tuned_sets_nothing(tmp_path: Path) -> None:
    files = TUNED | {"etc/systemd/system/tuned.service": "-> /dev/null"}
    assert boot_of(tmp_path, files, Reader.SYSTEMD).winner(SOMAXCONN) is None


def test_a_line_that_tuned_repeats_is_not_shadowed_by_itself(tmp_path: Path) -> None:
    files = TUNED | {"etc/sysctl.d/a.conf": "net.core.somaxconn=2\n"}
    boot = boot_of(tmp_path, files, Reader.SYSTEMD)

    assert str(boot.winner(SOMAXCONN).origin) == "/etc/sysctl.d/a.conf:1"  # type: ignore[union-attr]
    assert [str(each.assignment.origin) for each in boot.shadowed(SOMAXCONN)] == [
        "/etc/tuned/mine/tuned.conf:5"
    ]


def test_tuned_raises_only_what_is_lower(tmp_path: Path) -> None:
    files = {"etc/tuned/mine/tuned.conf": "[sysctl]\nnet.core.somaxconn=>5\n"}
    boot = boot_of(tmp_path, TUNED | files, Reader.SYSTEMD)

    assert (boot.value(SOMAXCONN, "4"), boot.value(SOMAXCONN, "6")) == ("5", "6")
    assert boot.value(SOMAXCONN) is None
    (line,) = boot.assignments(SOMAXCONN)
    assert (line.value, line.text) == ("5", ">5")
