"""What `--persist` wrote is what a real systemd sets at boot, whenever the power was cut.

These tests run on the host and boot guests of their own, since a guest cannot reboot under its
own pytest.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from tests.support.vm import machine
from tests.support.vm.plugin import REQUIRE
from tests.support.vm.system import Cut, Ran, System, missing

pytestmark = [pytest.mark.boots, pytest.mark.slow]

PROFILE = """\
tunekit: 1
name: mine
sysctl:
  fs.file-max: {at_least: 1000000}
  net.core.somaxconn: {at_least: 6000, reason: a long queue}
  net.core.rmem_max: {at_least: 8388608}
  net.ipv4.tcp_wmem: {at_least: [4096, 16384, 8388608]}
  net.ipv4.ip_local_port_range: {at_least: [20000, 65000]}
  vm.swappiness: 10
limits:
  nofile: {at_least: 65536}
"""
SECOND = """\
tunekit: 1
name: second
sysctl:
  fs.file-max: {at_least: 1000000}
  net.core.netdev_max_backlog: {at_least: 5000}
"""
KEYS = {
    "net.core.somaxconn": "6000",
    "net.core.rmem_max": "8388608",
    "net.ipv4.tcp_wmem": "4096 16384 8388608",
    "net.ipv4.ip_local_port_range": "20000 65000",
    "vm.swappiness": "10",
}
FILE = "/etc/sysctl.d/90-tunekit-mine.conf"
DROP_IN = "/etc/systemd/system/probe.service.d/90-tunekit-mine.conf"
JSON = ("-f", "json")
APPLY = (
    *("tunekit", "apply", "/mine.yaml", "--persist", "--unit", "probe"),
    *("--no-probe", *JSON),
)
ROLLBACK = ("tunekit", "rollback", *JSON)
ALL = ("sysctl", "-a", "--ignore")
LIST = ("/bin/sh", "-c", f"cat {FILE}; echo ===; cat {DROP_IN}; echo ===; ls -a /etc/sysctl.d "
        "/etc/systemd/system /etc/systemd/system/probe.service.d")  # fmt: skip
LIMITS = ("tunekit", "inspect", "--limits", "--unit", "probe", *JSON)
LOADED = ("systemctl", "show", "--property=LimitNOFILESoft,LimitNOFILE", "probe.service")
RUNNING = ("/bin/sh", "-c", "cat /proc/$(systemctl show -P MainPID probe.service)/limits")
UNIT = ("systemctl", "show", "--property=Result,ActiveState,ExecMainStatus,ExecMainExitTimestamp"
        "Monotonic", "tunekit-second.service")  # fmt: skip
READY = ("systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "sysinit.target")
# SQLite's own file beside the journal: it comes with the first write of a commit and goes with the
# last. An apply makes two, before its first change and after its last one.
BEGINS, ENDS = "+journal.sqlite-journal", "-journal.sqlite-journal"
# What changes by itself from one moment, or one boot, to the next.
RESTLESS = ("random", "dentry-state", "file-nr", "inode-", "pty.nr", "ns_last_pid", "aio-nr",
            "max_newidle_lb_cost", "hostname", "binfmt")  # fmt: skip


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> System:
    """A system that was never booted."""
    found = machine.locate()
    why = found if isinstance(found, str) else missing()
    if isinstance(found, str) or why is not None:
        if "vm" in os.environ.get(REQUIRE, "").split(","):
            pytest.fail(f"{REQUIRE} asks for the vm tier, but there is {why}")
        pytest.skip(str(why))
    made = System(machine=found, folder=tmp_path_factory.mktemp("system"))
    made.make({"/mine.yaml": PROFILE, "/second.yaml": SECOND})
    return made


@pytest.fixture
def system(disk: System, tmp_path: Path) -> Iterator[System]:
    """A system of the test's own."""
    own = disk.copy(tmp_path)
    yield own
    own.disk.unlink()


def values(ran: Ran) -> dict[str, str]:
    """The keys of `sysctl -a`, without those that change by themselves."""
    pairs = (line.partition(" = ") for line in ran.out.splitlines())
    return {
        key: " ".join(value.split())
        for key, equals, value in pairs
        if equals and not any(word in key for word in RESTLESS)
    }


def unlike(found: Mapping[str, str], expected: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The keys that differ. What the kernel works out of the memory it found free may by 2 %."""
    return {
        key: (found.get(key, ""), expected.get(key, ""))
        for key in {*found, *expected}
        if not _alike(key, found.get(key, ""), expected.get(key, ""))
    }


def _alike(key: str, one: str, other: str) -> bool:
    if one == other or key in KEYS:
        return one == other
    pairs = list(zip(one.split(), other.split(), strict=False))
    numbers = all(word.isdecimal() for pair in pairs for word in pair)
    return numbers and bool(pairs) and all(abs(int(a) - int(b)) <= int(b) / 50 for a, b in pairs)


def report(ran: Ran) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(ran.out)
    return document


def properties(ran: Ran) -> dict[str, str]:
    """What `systemctl show` says."""
    return dict(line.split("=", 1) for line in ran.out.splitlines())


def nofile(ran: Ran) -> dict[str, str]:
    """The limit and where it comes from, as `inspect --limits` has it."""
    (row,) = [each for each in report(ran)["data"]["limits"] if each["name"] == "nofile"]
    return {name: str(text) for name, text in row.items()}


def test_boot_sets_what_was_persisted_and_not_what_was_rolled_back(system: System) -> None:
    before, applied = system.boot([ALL, APPLY])
    assert applied.code == 0, applied

    # Of the sockets that run on old values this kernel cannot tell without its modules.
    gate = ("tunekit", "preflight", "/mine.yaml", "--unit", "probe", "--skip", "stale", *JSON)
    by_unit = ("tunekit", "persist", "/second.yaml", "--boot-unit", *JSON)
    look = [ALL, ("cat", "/run/probe", FILE), gate, LOADED, RUNNING, LIMITS]
    after, arrived, judged, loaded, running, limits, undone, stale, promised = system.boot(
        [*look, ROLLBACK, LIMITS, by_unit]
    )

    there = values(after)
    assert {key: there[key] for key in KEYS} == KEYS
    assert arrived.out.startswith("65536\n524288\n")
    # systemd itself sets it to more at boot: a line of ours would lower it.
    assert "fs.file-max" not in arrived.out
    assert judged.code == 0, judged
    boot = [each for each in report(judged)["findings"] if each["check"] == "boot"]
    assert {each["status"] for each in boot} == {"pass"}

    # What is said of the unit is what systemd has loaded and what the process has.
    assert properties(loaded) == {"LimitNOFILESoft": "65536", "LimitNOFILE": "524288"}
    (line,) = [line for line in running.out.splitlines() if line.startswith("Max open files")]
    assert line.split() == ["Max", "open", "files", "65536", "524288", "files"]
    line_of = f"{DROP_IN}:3"
    expected = {"name": "nofile", "soft": "65536", "hard": "524288"}
    assert nofile(limits) == {**expected, "soft_from": line_of, "hard_from": line_of}
    assert {each["status"] for each in report(limits)["findings"]} == {"skip"}
    # The drop-in is gone, and systemd has not been told.
    assert undone.code == 0, undone
    of_systemd = "what systemd has loaded"
    assert nofile(stale) == {**expected, "soft_from": of_systemd, "hard_from": of_systemd}
    remarks = [each for each in report(stale)["findings"] if each["status"] == "warn"]
    assert [each["remedy"] for each in remarks] == ["systemctl daemon-reload"]

    assert promised.code == 0, promised
    restored, files, unit, ready = system.boot([ALL, LIST, UNIT, READY])
    now, then = values(restored), values(before)
    assert now.pop("net.core.netdev_max_backlog") == "5000"
    assert then.pop("net.core.netdev_max_backlog") == "1000"
    assert now["fs.file-max"] == str((1 << 63) - 1)
    assert unlike(now, then) == {}
    assert [line for line in files.out.splitlines() if "tunekit" in line] == [
        "tunekit-second.service"
    ]
    ran = properties(unit)
    finished = int(ran.pop("ExecMainExitTimestampMonotonic"))
    assert ran == {"Result": "success", "ActiveState": "active", "ExecMainStatus": "0"}
    # Services start after that.
    assert finished <= int(properties(ready)["ActiveEnterTimestampMonotonic"])


def test_three_power_cuts_leave_nothing_half_done(system: System) -> None:
    cut(system, times=3, seed=random.randrange(1 << 32))


@pytest.mark.full
def test_fifty_power_cuts_leave_nothing_half_done(system: System) -> None:
    cut(system, times=50, seed=random.randrange(1 << 32))


class When(Enum):
    """When the power went, by what the next boot finds in the journal."""

    BEFORE = "before the transaction was in the journal"
    INSIDE = "inside of it"
    AFTER = "after its commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The keys before any apply, and the files that one writes."""

    values: Mapping[str, str]
    texts: Sequence[str]


class Moments:
    """The moments of cuts in an apply.

    Most of an apply is Python that starts. So the clock begins with its first commit to the
    journal, for one cut in five, or with the end of that, and the moment is drawn from how long it
    takes to the end of that commit, or of the last one.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lengths = {BEGINS: 0.0, ENDS: 0.0}
        self.drawn: list[tuple[str, float]] = []

    def draw(self) -> Cut:
        """The next cut. An apply that runs before it in the same boot is measured."""
        mark = BEGINS if self.random.random() < 0.2 else ENDS

        def after(ran: Sequence[Ran]) -> float:
            for each in ran:
                if tuple(each.argv) == APPLY:
                    self._measure(each)
            self.drawn.append((mark, self.random.uniform(0, self.lengths[mark])))
            return self.drawn[-1][1]

        return Cut(mark=mark, after=after)

    def _measure(self, applied: Ran) -> None:
        begins = [at for name, at in applied.marks if name == BEGINS]
        ends = [at for name, at in applied.marks if name == ENDS]
        self.lengths = {BEGINS: ends[-2] - begins[-2], ENDS: ends[-1] - ends[-2]}

    def learn(self, number: int, when: When) -> None:
        """Follow a host that grows slower or faster, by what came of a cut."""
        mark, moment = self.drawn[number]
        length = self.lengths[mark]
        if mark == ENDS:
            self.lengths[mark] = (length + moment) / 2 if when is When.AFTER else length * 1.02


def cut(system: System, *, times: int, seed: int) -> None:
    """Cut the power at random moments of an apply, and account for all that the next boot finds."""
    print(f"seed {seed}")
    moments = Moments(seed)
    # The first apply finds nothing in memory yet. The second tells how long one takes here.
    first = [ALL, APPLY, LIST, ROLLBACK, APPLY, ROLLBACK]
    base, applied, whole, *others = system.boot([*first, APPLY], cut=moments.draw())
    assert {each.code for each in (applied, *others)} == {0}
    print(*(f"{length:.3f} s from {mark}" for mark, length in moments.lengths.items()))
    origin = Origin(values=values(base), texts=whole.out.split("===\n")[:2])
    look = [ALL, LIST, ROLLBACK, LIST]
    found: list[When] = []
    for number in range(times - 1):
        ran = system.boot([*look, APPLY], cut=moments.draw())
        found.append(_account(origin, ran))
        moments.learn(number, found[-1])
    *ran, history = system.boot([*look, ("tunekit", "history", *JSON)])
    found.append(_account(origin, ran))
    assert len(moments.drawn) == len(found) == times
    counts = Counter(found)
    print("; ".join(f"{counts[when]} {when.value}" for when in When))
    states = Counter(each["state"] for each in report(history)["transactions"])
    expected = {"undone": counts[When.INSIDE], "rolled back": counts[When.AFTER] + 2}
    assert states == {state: count for state, count in expected.items() if count}
    restored, listed = system.boot([ALL, LIST])
    assert unlike(values(restored), origin.values) == {}
    assert "tunekit" not in listed.out


def _account(origin: Origin, ran: Sequence[Ran]) -> When:
    """Files are whole or absent, each value is the old one or a file's, and the journal knows.

    What was begun is undone, and nothing is left of it.
    """
    found, listed, undone, left = ran[:4]
    written = listed.out.split("===\n")[:2]
    for text, whole in zip(written, origin.texts, strict=True):
        assert text in ("", whole)
    assert unlike(values(found), {**origin.values, **(KEYS if written[0] else {})}) == {}
    if undone.code == 2:
        # Nothing to undo: the power went before there was anything.
        when = When.BEFORE
        assert not any(written)
    else:
        assert undone.code == 0, undone
        stays = f"what boot has set from {FILE} stays until the next boot"
        assert report(undone)["notes"] == ([stays] if written[0] else [])
        state = report(undone)["transaction"]["state"]
        when = {"undone": When.INSIDE, "rolled back": When.AFTER}[state]
    count = sum(map(bool, written))
    beside = sum(line.endswith(".new") for line in listed.out.splitlines())
    print(f"{when.value}: {count} of {len(written)} files there, {beside} half-written beside")
    assert "tunekit" not in left.out
    assert "probe.service.d" not in left.out
    return when
