"""Whatever ends an apply, the kernel is as it was: killed, signalled, refused, interrupted."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.machines import ClumsyMachine, DyingMachine, SignallingMachine
from tunekit import api
from tunekit.api.ground import Ground
from tunekit.engine.machine import Machine
from tunekit.errors import ExitCode, StateError, UnknownTransaction
from tunekit.profile.model import Profile
from tunekit.report.model import Report

KEYS = (
    "net/core/somaxconn",
    "net/ipv4/tcp_rmem",
    "net/ipv4/tcp_wmem",
    "net/ipv4/ip_local_port_range",
    "net/ipv4/tcp_fin_timeout",
    "net/ipv4/tcp_keepalive_time",
)
PROFILE = """\
tunekit: 1
name: crash
sysctl:
  net.core.somaxconn: {at_least: 70000}
  net.ipv4.tcp_rmem: {at_least: [8192, 262144, 67108864]}
  net.ipv4.tcp_wmem: {at_least: [8192, 32768, 8388608]}
  net.ipv4.ip_local_port_range: {at_least: [20000, 65000]}
  net.ipv4.tcp_fin_timeout: 30
  net.ipv4.tcp_keepalive_time: 600
"""
WRITES = len(KEYS)


def values() -> dict[str, list[str]]:
    return {key: Path("/proc/sys", key).read_text().split() for key in KEYS}


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    path = tmp_path / "crash.yaml"
    path.write_text(PROFILE)
    return api.load_profile(path)


def ground(tmp_path: Path, machine: Machine | None = None) -> Ground:
    return Ground(
        machine=machine or Machine(), state_dir=tmp_path / "state", run_dir=tmp_path / "run"
    )


def in_child(work: Callable[[], object]) -> int:
    """Run in a child and return its wait status as an exit code, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def apply(profile: Profile, on: Ground) -> Report:
    return api.apply(profile, prove=False, ground=on)


@pytest.mark.parametrize("writes", range(WRITES + 1))
def test_killed_after_any_write_is_fully_undone_by_rollback(
    profile: Profile, tmp_path: Path, writes: int
) -> None:
    base = values()
    on = ground(tmp_path, DyingMachine(writes))
    assert in_child(lambda: apply(profile, on)) == -signal.SIGKILL
    changed = sum(value != base[key] for key, value in values().items())
    assert changed == writes
    report = api.rollback(ground=ground(tmp_path))
    assert values() == base
    assert report.exit_code is ExitCode.OK
    assert report.changed is (writes > 0)
    with pytest.raises(UnknownTransaction):
        api.rollback(ground=ground(tmp_path))


@pytest.mark.parametrize("writes", [0, 1, 3, WRITES])
def test_killed_after_any_write_is_undone_by_the_next_apply(
    profile: Profile, tmp_path: Path, writes: int
) -> None:
    base = values()
    on = ground(tmp_path, DyingMachine(writes))
    assert in_child(lambda: apply(profile, on)) == -signal.SIGKILL
    report = apply(profile, ground(tmp_path))
    assert report.exit_code is ExitCode.OK
    assert len([c for c in report.changes if c.outcome.value == "applied"]) == WRITES
    api.rollback(ground=ground(tmp_path))
    assert values() == base


@pytest.mark.parametrize("writes", range(WRITES))
def test_a_rollback_killed_after_any_write_is_finished_by_the_next(
    profile: Profile, tmp_path: Path, writes: int
) -> None:
    base = values()
    apply(profile, ground(tmp_path))
    on = ground(tmp_path, DyingMachine(writes))
    assert in_child(lambda: api.rollback(ground=on)) == -signal.SIGKILL
    report = api.rollback(ground=ground(tmp_path))
    assert (report.exit_code, values()) == (ExitCode.OK, base)


def test_a_value_found_after_a_crash_is_undone_whoever_wrote_it(
    profile: Profile, tmp_path: Path
) -> None:
    base = values()
    in_child(lambda: apply(profile, ground(tmp_path, DyingMachine(2))))
    Path("/proc/sys/net/core/somaxconn").write_text("99")
    api.rollback(ground=ground(tmp_path))
    assert values() == base


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize("writes", [1, 3, WRITES])
def test_a_signal_undoes_what_was_begun(
    profile: Profile, tmp_path: Path, writes: int, signum: signal.Signals
) -> None:
    base = values()
    report = apply(profile, ground(tmp_path, SignallingMachine(writes, signum)))
    assert values() == base
    keyboard = signum in (signal.SIGINT, signal.SIGQUIT)
    assert report.exit_code is (ExitCode.INTERRUPTED if keyboard else ExitCode.TERMINATED)
    assert report.verdict == "interrupted: transaction 1 was undone"
    assert not report.changed


def test_a_half_written_vector_is_put_back_whole(profile: Profile, tmp_path: Path) -> None:
    base = values()
    clumsy = ClumsyMachine("net.ipv4.tcp_wmem", "5000 20000 99999999999")
    report = apply(profile, ground(tmp_path, clumsy))
    assert report.exit_code is ExitCode.ROLLED_BACK
    assert [str(error) for error in report.errors] == [
        "net.ipv4.tcp_wmem: the kernel refuses the value; "
        "choose a value within the key's range on this kernel"
    ]
    assert values() == base


def test_keep_going_puts_a_half_written_vector_back_and_applies_the_rest(
    profile: Profile, tmp_path: Path
) -> None:
    base = values()
    clumsy = ClumsyMachine("net.ipv4.tcp_wmem", "5000 20000 99999999999")
    report = api.apply(profile, prove=False, keep_going=True, ground=ground(tmp_path, clumsy))
    assert report.exit_code is ExitCode.NO
    now = values()
    assert now["net/ipv4/tcp_wmem"] == base["net/ipv4/tcp_wmem"]
    assert now["net/core/somaxconn"] == ["70000"]
    assert api.rollback(ground=ground(tmp_path)).exit_code is ExitCode.OK
    assert values() == base


@pytest.mark.parametrize("wanted", ["nosuch", "{prefer: [nosuch, other]}"])
def test_a_congestion_control_that_is_not_there_blocks_before_any_write(
    tmp_path: Path, wanted: str
) -> None:
    path = tmp_path / "cc.yaml"
    path.write_text(
        "tunekit: 1\nname: cc\nsysctl:\n  net.core.somaxconn: 70001\n"
        f"  net.ipv4.tcp_congestion_control: {wanted}\n"
    )
    base = values()
    report = apply(api.load_profile(path), ground(tmp_path))
    assert report.exit_code is ExitCode.IMPOSSIBLE
    assert values() == base
    assert [error.key for error in report.errors] == ["net.ipv4.tcp_congestion_control"]


def test_a_congestion_control_that_a_child_namespace_may_not_have_is_passed_by(
    tmp_path: Path,
) -> None:
    folder = Path("/proc/sys/net/ipv4")
    available = (folder / "tcp_available_congestion_control").read_text().split()
    allowed = (folder / "tcp_allowed_congestion_control").read_text().split()
    restricted = [name for name in available if name not in allowed]
    if not restricted:
        pytest.skip("every congestion control is allowed here; load another one on the host")
    path = tmp_path / "cc.yaml"
    path.write_text(
        "tunekit: 1\nname: cc\nsysctl:\n  net.ipv4.tcp_congestion_control: "
        f"{{prefer: [{restricted[0]}, reno]}}\n"
    )
    report = apply(api.load_profile(path), ground(tmp_path))
    assert report.exit_code is ExitCode.OK
    assert (folder / "tcp_congestion_control").read_text() == "reno\n"


def test_a_damaged_journal_stops_everything_before_a_write(
    profile: Profile, tmp_path: Path
) -> None:
    base = values()
    apply(profile, ground(tmp_path))
    api.rollback(ground=ground(tmp_path))
    journal = tmp_path / "state" / "journal.sqlite"
    data = bytearray(journal.read_bytes())
    data[100:3000] = os.urandom(2900)
    journal.write_bytes(data)
    with pytest.raises(StateError, match="cannot use the journal"):
        apply(profile, ground(tmp_path))
    assert values() == base


def test_a_journal_damaged_in_one_page_stops_everything_before_a_write(
    profile: Profile, tmp_path: Path
) -> None:
    base = values()
    apply(profile, ground(tmp_path))
    api.rollback(ground=ground(tmp_path))
    journal = tmp_path / "state" / "journal.sqlite"
    data = bytearray(journal.read_bytes())
    data[4096:8192] = b"\x55" * 4096
    journal.write_bytes(data)
    with pytest.raises(StateError, match=r"the journal is damaged: [^\n]+; see what `sqlite3"):
        apply(profile, ground(tmp_path))
    assert values() == base


def test_a_journal_of_a_newer_schema_is_refused(profile: Profile, tmp_path: Path) -> None:
    apply(profile, ground(tmp_path))
    api.rollback(ground=ground(tmp_path))
    with sqlite3.connect(tmp_path / "state" / "journal.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    base = values()
    with pytest.raises(StateError, match="the journal has schema 99 and this tunekit knows 2"):
        apply(profile, ground(tmp_path))
    assert values() == base


def test_what_the_journal_says_is_checked_before_it_is_written(
    profile: Profile, tmp_path: Path
) -> None:
    in_child(lambda: apply(profile, ground(tmp_path, DyingMachine(1))))
    db = sqlite3.connect(tmp_path / "state" / "journal.sqlite")
    with db:
        db.execute("UPDATE writes SET name = 'net.core.somaxconn/../../kernel/core_pattern'")
    db.close()
    before = values()
    with pytest.raises(StateError, match="is not a value that tunekit sets"):
        api.rollback(ground=ground(tmp_path))
    assert values() == before


@pytest.mark.parametrize("room", [0, 16, 60])
def test_a_full_disk_stops_an_apply_before_its_first_write(
    profile: Profile, tmp_path: Path, room: int
) -> None:
    import subprocess

    small = tmp_path / "state"
    small.mkdir(mode=0o700)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(small)], check=True
    )
    # Full from the start, while the tables are made, and when the transaction is to be recorded.
    (small / "ballast").write_bytes(b"x" * (64 - room) * 1024)
    base = values()
    with pytest.raises(StateError, match="is full; free some space on the file system of"):
        apply(profile, ground(tmp_path))
    assert values() == base
