"""Transactions on the real kernel: what they move, where they act, what they refuse."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import fence
from tests.support.fenced import another_swappiness
from tunekit import api
from tunekit.api.ground import Ground
from tunekit.engine import lock
from tunekit.engine.machine import Machine
from tunekit.engine.model import Outcome, Plan
from tunekit.errors import (
    ExitCode,
    Locked,
    ProfileError,
    ReadFailed,
    StateError,
    UnknownTransaction,
)
from tunekit.probe.load import Progress
from tunekit.profile.model import Profile

CONF = Path("/proc/sys/net/ipv4/conf")
SOMAXCONN = Path("/proc/sys/net/core/somaxconn")


@pytest.fixture
def on(tmp_path: Path) -> Ground:
    return Ground(machine=Machine(), state_dir=tmp_path / "state", run_dir=tmp_path / "run")


def load(tmp_path: Path, body: str, name: str = "p") -> Profile:
    path = tmp_path / f"{name}.yaml"
    path.write_text(f"tunekit: 1\nname: {name}\n{body}")
    return api.load_profile(path)


def outcomes(changes: tuple[object, ...]) -> dict[str, Outcome]:
    return {change.key: change.outcome for change in changes}  # type: ignore[attr-defined]


def forwarding_state() -> dict[str, str]:
    state = {"all.accept_redirects": (CONF / "all/accept_redirects").read_text()}
    for folder in CONF.iterdir():
        state[f"{folder.name}.forwarding"] = (folder / "forwarding").read_text()
    return state


def test_a_write_to_ip_forward_and_all_that_it_resets_is_undone(tmp_path: Path, on: Ground) -> None:
    profile = load(
        tmp_path,
        "allow: [net.ipv4.ip_forward, net.ipv4.conf.all.accept_redirects]\n"
        "sysctl:\n  net.ipv4.conf.all.accept_redirects: 1\n  net.ipv4.ip_forward: 1\n",
    )
    base = forwarding_state()
    allow = ("net.ipv4.ip_forward", "net.ipv4.conf.all.accept_redirects")
    report = api.apply(profile, prove=False, allow=allow, ground=on)
    assert report.exit_code is ExitCode.OK
    # The kernel's write to ip_forward cleared it, and the profile's own claim came after.
    assert (CONF / "all/accept_redirects").read_text() == "1\n"
    assert outcomes(report.changes)["net.ipv4.conf.lo.forwarding"] is Outcome.MOVED
    assert forwarding_state() != base
    assert api.rollback(ground=on).exit_code is ExitCode.OK
    assert forwarding_state() == base


def test_a_write_to_conf_default_restores_the_interfaces_that_it_moved(
    tmp_path: Path, on: Ground
) -> None:
    subprocess.run(["ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"], check=True)
    before = (CONF / "v0/rp_filter").read_text()
    profile = load(
        tmp_path,
        "allow: [net.ipv4.conf.default.rp_filter]\nsysctl:\n  net.ipv4.conf.default.rp_filter: 1\n",
    )
    api.apply(profile, prove=False, allow=("net.ipv4.conf.default.rp_filter",), ground=on)
    assert (CONF / "v0/rp_filter").read_text() == "1\n" != before
    api.rollback(ground=on)
    assert (CONF / "v0/rp_filter").read_text() == before
    assert (CONF / "default/rp_filter").read_text() == before


def test_a_port_range_and_the_unprivileged_start_move_together_both_ways(
    tmp_path: Path, on: Ground
) -> None:
    keys = ("net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start")
    paths = [Path("/proc/sys", key.replace(".", "/")) for key in keys]
    base = [path.read_text() for path in paths]
    for low, start in ((900, 800), (40000, 30000)):
        profile = load(
            tmp_path,
            f"allow: [{keys[1]}]\nsysctl:\n  {keys[0]}: [{low}, 60999]\n  {keys[1]}: {start}\n",
        )
        report = api.apply(profile, prove=False, allow=(keys[1],), ground=on)
        assert report.exit_code is ExitCode.OK, report.errors
    for _ in range(2):
        assert api.rollback(ground=on).exit_code is ExitCode.OK
    assert [path.read_text() for path in paths] == base


def test_a_value_that_the_kernel_rounds_to_its_tick_is_adjusted(tmp_path: Path, on: Ground) -> None:
    ratelimit = Path("/proc/sys/net/ipv4/icmp_ratelimit")
    ratelimit.write_text("1")
    rounded = ratelimit.read_text().strip()
    ratelimit.write_text("0")
    if rounded == "1":
        pytest.skip("this kernel ticks every millisecond (CONFIG_HZ=1000): it rounds nothing")
    at_least = load(tmp_path, "sysctl:\n  net.ipv4.icmp_ratelimit: {at_least: 1}\n", "least")
    report = api.apply(at_least, prove=False, ground=on)
    assert [(c.outcome, c.after) for c in report.changes] == [(Outcome.ADJUSTED, rounded)]
    api.rollback(ground=on)
    exactly = load(tmp_path, "sysctl:\n  net.ipv4.icmp_ratelimit: 1\n", "exact")
    assert api.apply(exactly, prove=False, ground=on).exit_code is ExitCode.ROLLED_BACK
    assert ratelimit.read_text() == "0\n"


def test_applying_again_makes_no_transaction_and_a_dropped_key_is_named(
    tmp_path: Path, on: Ground
) -> None:
    both = "sysctl:\n  net.core.somaxconn: 5000\n  net.ipv4.tcp_fin_timeout: 30\n"
    api.apply(load(tmp_path, both), prove=False, ground=on)
    again = api.apply(load(tmp_path, both), prove=False, ground=on)
    assert (again.transaction, again.changed) == (None, False)
    fewer = api.apply(
        load(tmp_path, "sysctl:\n  net.core.somaxconn: 5000\n"), prove=False, ground=on
    )
    assert fewer.notes == (
        "net.ipv4.tcp_fin_timeout is no longer in p, but transaction 1 still holds it: release "
        "it with `tunekit rollback 1`, then apply again",
    )


def test_a_second_run_finds_the_lock_held(tmp_path: Path, on: Ground) -> None:
    profile = load(tmp_path, "sysctl:\n  net.core.somaxconn: 5000\n")
    with lock.held(on.run_dir), pytest.raises(Locked) as caught:
        api.apply(profile, prove=False, ground=on)
    assert caught.value.exit_code is ExitCode.LOCKED
    assert str(caught.value) == (
        f"{on.run_dir}/lock: another tunekit run holds the lock (process {os.getpid()}); wait "
        "until it ends and try again"
    )


class Watcher:
    """Looks at what the processes of a proof have open, each time anew.

    A process has everything of its parent's between its fork and its first own instruction, so
    the last look at each is the one that tells.
    """

    def __init__(self) -> None:
        self.files: dict[int, set[str]] = {}

    def note(self, text: str) -> None: ...

    def plan(self, plan: Plan) -> None: ...

    def progress(self, progress: Progress) -> None:
        for pid in progress.processes:
            with contextlib.suppress(OSError):
                self.files[pid] = {
                    str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()
                }


@pytest.mark.slow
def test_no_process_of_the_proof_holds_the_lock_or_the_journal(tmp_path: Path, on: Ground) -> None:
    profile = load(tmp_path, "sysctl:\n  net.core.somaxconn: 65535\nprobe:\n  connections: 10000\n")
    watcher = Watcher()
    report = api.apply(profile, ground=on, observer=watcher)
    assert report.exit_code is ExitCode.OK, report.findings
    assert len(watcher.files) >= 2
    held = [name for files in watcher.files.values() for name in files]
    assert not [name for name in held if str(tmp_path) in name]


@pytest.fixture
def blue() -> Iterator[str]:
    subprocess.run(["ip", "netns", "add", "blue"], check=True)
    yield "blue"
    subprocess.run(["ip", "netns", "delete", "blue"], check=True)


def in_namespace(name: str) -> str:
    return subprocess.run(
        ["ip", "netns", "exec", name, "cat", str(SOMAXCONN)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_a_namespace_by_name_is_changed_and_undone_without_touching_this_one(
    tmp_path: Path, on: Ground, blue: str
) -> None:
    here, there = SOMAXCONN.read_text(), in_namespace(blue)
    profile = load(tmp_path, "sysctl:\n  net.core.somaxconn: 5001\n")
    api.apply(profile, prove=False, netns=blue, ground=on)
    assert (SOMAXCONN.read_text(), in_namespace(blue)) == (here, "5001\n")
    # Rollback goes there by itself.
    assert api.rollback(ground=on).exit_code is ExitCode.OK
    assert (SOMAXCONN.read_text(), in_namespace(blue)) == (here, there)


@pytest.fixture
def green() -> Iterator[str]:
    subprocess.run(["ip", "netns", "add", "green"], check=True)
    yield "green"
    subprocess.run(["ip", "netns", "delete", "green"], check=False)


def test_a_rollback_in_a_namespace_undoes_the_last_that_was_made_there(
    tmp_path: Path, on: Ground, blue: str, green: str
) -> None:
    there, other = in_namespace(blue), in_namespace(green)
    profile = load(tmp_path, "sysctl:\n  net.core.somaxconn: 5001\n")
    for netns in (blue, green):
        api.apply(profile, prove=False, netns=netns, ground=on)
    report = api.rollback(netns=blue, ground=on)
    assert report.exit_code is ExitCode.OK
    assert report.transaction is not None
    assert report.transaction.id == 1
    assert (in_namespace(blue), in_namespace(green)) == (there, "5001\n")
    with pytest.raises(UnknownTransaction, match="no transaction of that network namespace"):
        api.rollback(netns=blue, ground=on)
    with pytest.raises(UnknownTransaction, match="2 was made in another network namespace; `tun"):
        api.rollback(2, netns=blue, force=True, ground=on)
    assert api.rollback(2, netns=green, ground=on).exit_code is ExitCode.OK
    assert in_namespace(green) == other


def test_what_went_with_its_namespace_is_forgotten_and_said_so(
    tmp_path: Path, on: Ground, green: str
) -> None:
    profile = load(tmp_path, "sysctl:\n  net.core.somaxconn: 5001\n")
    api.apply(profile, prove=False, netns=green, ground=on)
    subprocess.run(["ip", "netns", "delete", green], check=True)
    report = api.rollback(ground=on)
    assert report.exit_code is ExitCode.OK
    assert not report.changed
    assert report.verdict == (
        "transaction 1 is undone: 0 settings put back, 1 forgotten: its network namespace is gone"
    )


def test_a_namespace_by_pid_is_inspected(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        fence.command([sys.executable, "-c", "input()"]), stdin=subprocess.PIPE
    )
    try:
        profile = load(tmp_path, "sysctl:\n  net.core.somaxconn: 5002\n")
        SOMAXCONN.write_text("5002")
        assert api.inspect(profile).exit_code is ExitCode.OK
        wait_for_own_namespace(holder.pid)
        report = api.inspect(profile, netns=str(holder.pid))
        assert report.exit_code is ExitCode.NO
    finally:
        assert holder.stdin is not None
        holder.stdin.close()
        holder.wait()


def wait_for_own_namespace(pid: int) -> None:
    mine = Path("/proc/self/ns/net").readlink()
    for _ in range(100_000):
        if Path(f"/proc/{pid}/ns/net").readlink() != mine:
            return
        os.sched_yield()
    raise AssertionError("the process did not enter its namespace")


def test_limits_are_set_on_a_running_process_and_put_back(tmp_path: Path, on: Ground) -> None:
    import resource

    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (100, 2000))
        profile = load(tmp_path, "limits:\n  nofile: {at_least: 1500}\n")
        report = api.apply(profile, prove=False, pids=[child.pid], ground=on)
        assert report.exit_code is ExitCode.OK
        assert resource.prlimit(child.pid, resource.RLIMIT_NOFILE) == (1500, 2000)
        api.rollback(ground=on)
        assert resource.prlimit(child.pid, resource.RLIMIT_NOFILE) == (100, 2000)
        api.apply(profile, prove=False, pids=[child.pid], ground=on)
    finally:
        assert child.stdin is not None
        child.stdin.close()
        child.wait()
    # It has ended, and its limits with it.
    assert api.rollback(ground=on).exit_code is ExitCode.OK


def test_a_process_that_is_not_there_stops_everything(tmp_path: Path, on: Ground) -> None:
    profile = load(tmp_path, "sysctl:\n  net.core.somaxconn: 5003\nlimits:\n  nofile: 100\n")
    before = SOMAXCONN.read_text()
    with pytest.raises(ReadFailed, match="no such process"):
        api.apply(profile, prove=False, pids=[2**22 - 1], ground=on)
    assert SOMAXCONN.read_text() == before


def test_a_key_that_can_hurt_is_refused_without_the_callers_leave(
    tmp_path: Path, on: Ground
) -> None:
    profile = load(tmp_path, "allow: [net.ipv4.ip_forward]\nsysctl:\n  net.ipv4.ip_forward: 1\n")
    with pytest.raises(ProfileError, match=r"--allow net\.ipv4\.ip_forward"):
        api.apply(profile, prove=False, ground=on)
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == "0\n"


def test_a_read_only_state_folder_stops_everything(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    subprocess.run(["mount", "--bind", str(state), str(state)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(state)], check=True)
    on = Ground(machine=Machine(), state_dir=state, run_dir=tmp_path / "run")
    before = SOMAXCONN.read_text()
    with pytest.raises(StateError, match="read-only file system"):
        api.apply(load(tmp_path, "sysctl:\n  net.core.somaxconn: 5004\n"), prove=False, ground=on)
    assert SOMAXCONN.read_text() == before


def test_a_blocked_plan_writes_nothing_and_says_what_to_do(tmp_path: Path, on: Ground) -> None:
    before = SOMAXCONN.read_text()
    profile = load(
        tmp_path,
        f"sysctl:\n  net.core.somaxconn: 5005\n  vm.swappiness: {another_swappiness()}\n",
    )
    report = api.apply(profile, prove=False, ground=on)
    assert report.exit_code is ExitCode.IMPOSSIBLE
    assert [(e.key, e.message) for e in report.errors] == [
        ("vm.swappiness", "/proc/sys is mounted read-only here")
    ]
    assert SOMAXCONN.read_text() == before
    kept = api.apply(profile, prove=False, keep_going=True, ground=on)
    assert (kept.exit_code, SOMAXCONN.read_text()) == (ExitCode.NO, "5005\n")


def test_a_user_who_may_not_read_the_journal_gets_unknown(tmp_path: Path, on: Ground) -> None:
    api.apply(load(tmp_path, "sysctl:\n  net.core.somaxconn: 5006\n"), prove=False, ground=on)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            for folder in (tmp_path, *list(tmp_path.parents)[:2]):
                os.chmod(folder, 0o755)  # noqa: PTH101
            os.setgid(65534)
            os.setuid(65534)
            found = api.history(state_dir=on.state_dir).findings
            os.write(writer, found[0].status.value.encode())
        finally:
            os._exit(0)
    os.close(writer)
    assert os.waitpid(pid, 0)[1] == 0
    assert os.read(reader, 100) == b"unknown"
    os.close(reader)
