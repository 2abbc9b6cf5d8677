"""What `--persist` wrote is what a real systemd sets at boot, whenever the power was cut.

These tests run on the host and boot guests of their own, since a guest cannot reboot under its
own pytest.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.vm import machine
from tests.support.vm.plugin import REQUIRE
from tests.support.vm.system import Ran, System, missing

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
        "/etc/systemd/system/probe.service.d")  # fmt: skip
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
    made.make({"/mine.yaml": PROFILE})
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


def test_boot_sets_what_was_persisted_and_not_what_was_rolled_back(system: System) -> None:
    before, applied = system.boot([ALL, APPLY])
    assert applied.code == 0, applied

    # Of the sockets that run on old values this kernel cannot tell without its modules.
    gate = (
        "tunekit",
        "preflight",
        "/mine.yaml",
        "--unit",
        "probe",
        "--skip",
        "stale",
        "-f",
        "json",
    )
    after, arrived, judged, undone = system.boot([ALL, ("cat", "/run/probe", FILE), gate, ROLLBACK])

    there = values(after)
    assert {key: there[key] for key in KEYS} == KEYS
    assert arrived.out.startswith("65536\n524288\n")
    # systemd itself sets it to more at boot: a line of ours would lower it.
    assert "fs.file-max" not in arrived.out
    assert judged.code == 0, judged
    boot = [each for each in report(judged)["findings"] if each["check"] == "boot"]
    assert {each["status"] for each in boot} == {"pass"}
    assert undone.code == 0, undone

    (restored, files) = system.boot([ALL, LIST])
    assert unlike(values(restored), values(before)) == {}
    assert "tunekit" not in files.out


def test_three_power_cuts_leave_nothing_half_done(system: System) -> None:
    cut(system, times=3, seed=random.randrange(1 << 32))


@pytest.mark.full
def test_fifty_power_cuts_leave_nothing_half_done(system: System) -> None:
    cut(system, times=50, seed=random.randrange(1 << 32))


def cut(system: System, *, times: int, seed: int) -> None:
    """Cut the power at random moments of an apply, and account for all that the next boot finds."""
    print(f"seed {seed}")
    moments = random.Random(seed)
    # A first apply tells how long one takes here, and what whole files look like.
    clock = ("date", "+%s.%N")
    look = [ALL, LIST, ("tunekit", "history", *JSON), ROLLBACK]
    base, begun, applied, ended, whole, undone = system.boot(
        [ALL, clock, APPLY, clock, LIST, ROLLBACK]
    )
    assert (applied.code, undone.code) == (0, 0)
    length = float(ended.out) - float(begun.out)
    texts = whole.out.split("===\n")[:2]
    first = values(base)
    before: list[Sequence[str]] = []
    last = 0.0
    # It starts with Python, so that the end is where something happens. The cuts close in on it,
    # from before anything was done and from after it was, and follow a host that grows slower.
    earliest, latest = 0.4 * length, 1.05 * length
    for _ in range(times):
        moment = moments.uniform(earliest, latest)
        ran = system.boot([*before, APPLY], cut_after=moment)
        if before:
            state = _account(first, texts, ran)
            if state == "applied":
                earliest, latest = earliest * 0.9, (latest + last) / 2
            elif not state:
                earliest, latest = (earliest + last) / 2, latest * 1.1
        before, last = look, moment
    _account(first, texts, system.boot(look))
    restored, listed = system.boot([ALL, LIST])
    assert unlike(values(restored), first) == {}
    assert "tunekit" not in listed.out


def _account(first: Mapping[str, str], texts: Sequence[str], ran: Sequence[Ran]) -> str:
    """Files are whole or absent, each value is the old one or a file's, and the journal knows.

    Returns the state of the transaction that was cut off, empty when it is not in the journal.
    """
    found, listed, history, undone = ran[:4]
    assert history.code == 0, history
    written = listed.out.split("===\n")[:2]
    for text, whole in zip(written, texts, strict=True):
        assert text in ("", whole)
    claiming = [each for each in report(history)["transactions"] if each["files"]]
    assert len(claiming) <= 1
    if any(written):
        assert [each["state"] in ("begun", "applied") for each in claiming] == [True]
    assert unlike(values(found), {**first, **(KEYS if written[0] else {})}) == {}
    # Nothing to undo is an answer, too: the power went before there was anything.
    assert undone.code == (0 if claiming else 2), undone
    state = str(claiming[0]["state"]) if claiming else ""
    print(state or "no trace", "with files" if any(written) else "without a file")
    return state
