"""Boot sets what tunekit says it sets: a generated corpus against the real two readers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.support import fence
from tests.support.boot_trees import FOLDERS, KEYS, Entry, base, plant, reset, trees, values
from tests.support.fenced import REQUIRE
from tunekit.files.boot import read_boot
from tunekit.files.model import Reader
from tunekit.files.root import Root
from tunekit.values import SysctlKey

SYSTEMD_SYSCTL = Path("/usr/lib/systemd/systemd-sysctl")
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
