"""TuneD sets what tunekit says it sets: a generated corpus against TuneD's own code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from tests.support import fence
from tests.support.boot_trees import FOLDERS, KEYS, Entry, base, plant, reset, trees, values
from tests.support.programs import UNPACKED, program, unpacked
from tests.support.tuned_trees import plant_tuned, tuned_trees
from tunekit.files.boot import Boot, read_boot
from tunekit.files.model import Reader
from tunekit.files.root import Root
from tunekit.values import SysctlKey

RUN = Path(__file__).parents[1] / "support" / "run_tuned.py"
PACKAGES = "usr/lib/python3/dist-packages"
NEWER = (UNPACKED / "tuned/usr/lib/tuned/profiles").exists()
PROFILES = (
    ("usr/lib/tuned/profiles", "etc/tuned/profiles") if NEWER else ("usr/lib/tuned", "etc/tuned")
)

Tree = tuple[list[Entry], list[Entry]]


@pytest.fixture
def check(tmp_path: Path) -> Iterator[Callable[[Tree], None]]:
    """A function that compares one tree, after the places that boot reads became the tree's."""
    systemd_sysctl = program("systemd-sysctl", "systemd")
    packages = unpacked("tuned", PACKAGES)
    subprocess.run(
        ["ip", "link", "add", "v0.100", "type", "veth", "peer", "name", "veth0"], check=True
    )
    for folder in FOLDERS:
        (tmp_path / folder).mkdir(parents=True)
    shutil.copytree(packages / "tuned", tmp_path / PACKAGES / "tuned")
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "tuned.service").touch()
    for place in ("/etc", "/run", "/usr/local/lib", "/usr/lib/sysctl.d"):
        fence.show(tmp_path / place[1:], place)
    tuned = subprocess.Popen(
        [sys.executable, str(RUN), str(tmp_path / "usr/lib")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(packages)},
        text=True,
    )

    def compare(tree: Tree) -> None:
        plant(tmp_path, tree[0])
        plant_tuned(tmp_path, tree[1])
        if NEWER:
            (tmp_path / "usr/lib/tuned/profiles").mkdir(parents=True, exist_ok=True)
        reset()
        subprocess.run([systemd_sysctl], check=False, capture_output=True, timeout=60)
        assert tuned.stdin
        assert tuned.stdout
        tuned.stdin.write("\n")
        tuned.stdin.flush()
        ended = json.loads(tuned.stdout.readline())
        event(ended.split(":")[0] or "activated")
        with Root(tmp_path) as root:
            boot = read_boot(root, Reader.SYSTEMD)
        found = values({key: Path("/proc/sys", key).read_text() for key in KEYS})
        told = {key: boot.value(SysctlKey.parse(key), base(key)) for key in KEYS}
        # What TuneD works out, and what it may include, is said to be unknown.
        known = {
            key: value
            for key, value in values(told).items()
            if not (boot.unread or is_worked_out(boot, key))
        }
        assert known == {key: found[key] for key in known}, ended
        assert not (boot.profile and ended), ended

    with tuned:
        yield compare
        assert tuned.stdin
        tuned.stdin.close()


def is_worked_out(boot: Boot, key: str) -> bool:
    return any(each.computed for each in boot.writes(SysctlKey.parse(key)))


corpus = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
)
both = st.tuples(trees(), tuned_trees(PROFILES))


@pytest.mark.slow
@settings(corpus, max_examples=150)
@given(tree=both)
def test_tuned_sets_what_tunekit_says(check: Callable[[Tree], None], tree: Tree) -> None:
    check(tree)


@pytest.mark.full
@settings(corpus, max_examples=1000)
@given(tree=both)
def test_tuned_sets_what_tunekit_says_of_many_more_trees(
    check: Callable[[Tree], None], tree: Tree
) -> None:
    check(tree)
