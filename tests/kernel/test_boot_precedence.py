"""Boot sets what tunekit says it sets: a generated corpus against the real two readers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.support import fence
from tests.support.boot_trees import FOLDERS, KEYS, Entry, plant, trees
from tests.support.fenced import REQUIRE
from tunekit.files.boot import read_boot
from tunekit.files.model import Reader
from tunekit.files.root import Root
from tunekit.profile.evaluate import value_of
from tunekit.values import SysctlKey, SysctlValue

SYSTEMD_SYSCTL = Path("/usr/lib/systemd/systemd-sysctl")
BASE = {
    "net/core/somaxconn": "3",
    "net/ipv4/tcp_max_syn_backlog": "5",
    "net/ipv4/tcp_wmem": "4100 16400 4194400",
    "net/ipv4/ip_local_reserved_ports": "7000",
}
COMMANDS = {
    Reader.SYSTEMD: (str(SYSTEMD_SYSCTL),),
    Reader.PROCPS: (
        shutil.which("sysctl", path="/usr/sbin:/sbin:/usr/bin") or "",
        "--system",
        "-q",
    ),
}


@pytest.fixture
def check(tmp_path: Path) -> Callable[[list[Entry]], None]:
    """A function that compares one tree, after the places that boot reads became the tree's."""
    if not SYSTEMD_SYSCTL.exists() or not COMMANDS[Reader.PROCPS][0]:
        unavailable("no systemd-sysctl or no sysctl; install them: apt-get install systemd procps")
    subprocess.run(
        ["ip", "link", "add", "v0.100", "type", "veth", "peer", "name", "veth0"], check=True
    )
    for folder in FOLDERS:
        (tmp_path / folder).mkdir(parents=True)
    program = tmp_path / COMMANDS[Reader.PROCPS][0][1:]
    program.parent.mkdir(parents=True)
    shutil.copyfile(COMMANDS[Reader.PROCPS][0], program)
    for place in ("/etc", "/run"):
        fence.show(tmp_path / place[1:], place)
    for place in ("/usr/local/lib", "/usr/lib/sysctl.d"):
        fence.show(tmp_path / place[1:], place)

    def compare(tree: list[Entry]) -> None:
        plant(tmp_path, tree)
        for reader, command in COMMANDS.items():
            reset()
            subprocess.run(command, check=False, capture_output=True, timeout=60)
            with Root(tmp_path) as root:
                boot = read_boot(root, reader)
            told = {key: boot.value(SysctlKey.parse(key), base(key)) for key in KEYS}
            found = {key: Path("/proc/sys", key).read_text() for key in KEYS}
            assert values(told) == values(found), reader

    return compare


def unavailable(why: str) -> NoReturn:
    if "kernel" in os.environ.get(REQUIRE, "").split(","):
        pytest.fail(f"{REQUIRE} asks for the kernel tier, but there is {why}")
    pytest.skip(why)


def name(key: str) -> str:
    return str(SysctlKey.parse(key))


def values(texts: Mapping[str, str | None]) -> dict[str, SysctlValue | None]:
    return {key: None if t is None else value_of(name(key), t) for key, t in texts.items()}


def base(key: str) -> str:
    return BASE.get(key, "0")


def reset() -> None:
    # A key of an interface that was written once keeps out of what `default` is set to.
    for interface in os.listdir("/proc/sys/net/ipv4/conf"):  # noqa: PTH208
        Path(f"/proc/sys/net/ipv4/conf/{interface}/rp_filter").write_text("0")
    for key in KEYS:
        Path("/proc/sys", key).write_text(base(key))


corpus = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
    # Making a failing tree smaller would run both programs for minutes.
    phases=[Phase.reuse, Phase.generate],
)


@pytest.mark.slow
@settings(corpus, max_examples=200)
@given(tree=trees())
def test_both_readers_set_what_tunekit_says(
    check: Callable[[list[Entry]], None], tree: list[Entry]
) -> None:
    check(tree)


@pytest.mark.full
@settings(corpus, max_examples=1000)
@given(tree=trees())
def test_both_readers_set_what_tunekit_says_of_many_more_trees(
    check: Callable[[list[Entry]], None], tree: list[Entry]
) -> None:
    check(tree)
