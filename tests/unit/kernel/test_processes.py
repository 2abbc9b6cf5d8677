"""What /proc says of processes, from trees of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunekit.kernel.descriptors import Holder, held_sockets
from tunekit.kernel.processes import (
    Group,
    Process,
    are_hidden,
    parse_group,
    parse_name,
    parse_open_files,
    processes,
)

LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max open files            1024                 524288               files
"""
DOCKER = "3f" * 32


def stat(name: str, state: str = "S", flags: int = 0x400000) -> str:
    return f"7 ({name}) {state} 1 7 7 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 99\n"


def add(proc: Path, pid: int, text: str, sockets: dict[int, int] | None = None) -> None:
    folder = proc / str(pid)
    (folder / "ns").mkdir(parents=True)
    (folder / "fd").mkdir()
    (folder / "stat").write_text(text)
    (folder / "limits").write_text(LIMITS)
    (folder / "cgroup").write_text("0::/system.slice/nginx.service\n")
    (folder / "ns/net").symlink_to("net:[4026531833]")
    (folder / "fd/0").symlink_to("/dev/null")
    for descriptor, inode in (sockets or {}).items():
        (folder / f"fd/{descriptor}").symlink_to(f"socket:[{inode}]")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (stat("nginx"), "nginx"),
        (stat("a) S (b"), "a) S (b"),
        (stat("line\nbreak"), "line\nbreak"),
        (stat("kworker/0:1", flags=0x4208060), None),
        (stat("gone", state="Z"), None),
        ("", None),
    ],
)
def test_programs_are_told_from_kernel_threads_and_zombies(text: str, name: str | None) -> None:
    assert parse_name(text) == name


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        (LIMITS, (1024, 524288)),
        (LIMITS.replace("524288", "unlimited"), (1024, -1)),
        ("", None),
    ],
)
def test_the_limits_of_open_files_are_found(text: str, limits: tuple[int, int] | None) -> None:
    assert parse_open_files(text) == limits


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("0::/system.slice/nginx.service\n", Group(unit="nginx.service")),
        ("0::/system.slice/system-x.slice/x@1.service/sub\n", Group(unit="x@1.service")),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", Group()),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service\n",
            Group(unit="web.service", user=True),
        ),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/init.scope\n",
            Group(unit="user@1000.service"),
        ),
        (
            "9:name=systemd:/system.slice/cron.service\n4:memory:/other\n0::/\n",
            Group(unit="cron.service"),
        ),
        (f"0::/system.slice/docker-{DOCKER}.scope\n", Group(container="3f3f3f3f3f3f")),
        (
            f"0::/kubepods.slice/kubepods-pod7.slice/cri-containerd-{DOCKER}.scope\n",
            Group(container="3f3f3f3f3f3f"),
        ),
        (f"4:memory:/docker/{DOCKER}\n0::/\n", Group(container="3f3f3f3f3f3f")),
        ("0::/\n", Group()),
        ("", Group()),
    ],
)
def test_the_unit_or_container_of_a_process_is_found(text: str, group: Group) -> None:
    assert parse_group(text) == group


def test_processes_come_in_order_and_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    add(tmp_path, 20, stat("nginx"))
    add(tmp_path, 3, stat("kthreadd", flags=0x208040))
    add(tmp_path, 4, stat("bare"))
    for name in ("limits", "cgroup", "ns/net"):
        (tmp_path / "4" / name).unlink()
    (tmp_path / "uptime").touch()

    assert list(processes(tmp_path)) == [
        Process(pid=4, name="bare"),
        Process(
            pid=20,
            name="nginx",
            group=Group(unit="nginx.service"),
            nofile=(1024, 524288),
            network=4026531833,
        ),
    ]


def test_the_first_process_holds_a_socket_but_process_1_only_when_alone(tmp_path: Path) -> None:
    add(tmp_path, 1, stat("systemd"), {5: 100, 6: 101})
    add(tmp_path, 8, stat("master"), {3: 101, 4: 102})
    add(tmp_path, 9, stat("worker"), {3: 101, 4: 102, 5: 103})

    held = held_sockets([1, 8, 9, 10], proc=tmp_path)

    assert held.holders == {
        100: Holder(1, 5),
        101: Holder(8, 3),
        102: Holder(8, 4),
        103: Holder(9, 5),
    }
    assert (held.activated, held.denied) == ({101}, set())


def test_processes_are_hidden_where_process_1_may_not_be_read(tmp_path: Path) -> None:
    assert are_hidden(tmp_path)
    (tmp_path / "1").mkdir()
    assert are_hidden(tmp_path)
    (tmp_path / "1/stat").write_text(stat("init"))
    assert not are_hidden(tmp_path)
