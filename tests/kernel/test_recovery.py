"""What dies in the middle, what is gone when it is looked for, and what must not be believed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kernel.test_crash import ground, in_child
from tests.support.fenced import another_swappiness
from tests.support.machines import ClumsyMachine, DyingMachine, SignallingMachine
from tunekit import api
from tunekit.api.ground import Ground
from tunekit.api.staleness import applied_last
from tunekit.engine.machine import Machine
from tunekit.engine.model import Subject
from tunekit.engine.transaction import TransactionState
from tunekit.errors import ExitCode, StateError
from tunekit.kernel.readings import Cause, Reading
from tunekit.kernel.refusals import WriteRefused
from tunekit.profile.model import Profile
from tunekit.report.model import Report

SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
WMEM = Path("/proc/sys/net/ipv4/tcp_wmem")


def load(tmp_path: Path, name: str, body: str) -> Profile:
    path = tmp_path / f"{name}.yaml"
    path.write_text(f"tunekit: 1\nname: {name}\n{body}")
    return api.load_profile(path)


def apply(profile: Profile, on: Ground, netns: str | None = None, **more: bool) -> Report:
    return api.apply(profile, prove=False, ground=on, netns=netns, **more)  # type: ignore[arg-type]


def somaxconn(tmp_path: Path, at_least: int, name: str = "p") -> Profile:
    return load(tmp_path, name, f"sysctl:\n  net.core.somaxconn: {{at_least: {at_least}}}\n")


def test_a_second_profile_with_the_same_wish_keeps_it_when_the_first_goes(tmp_path: Path) -> None:
    on = ground(tmp_path)
    apply(somaxconn(tmp_path, 7000, "a"), on)
    second = apply(somaxconn(tmp_path, 7000, "b"), on)
    assert second.transaction is not None
    api.rollback(1, ground=on)
    assert SOMAXCONN.read_text() == "7000\n"
    api.rollback(ground=on)
    assert SOMAXCONN.read_text() == "4096\n"


class TestRollbackThatDied:
    def begin(self, tmp_path: Path) -> Ground:
        on = ground(tmp_path)
        apply(somaxconn(tmp_path, 9000, "a"), on)
        apply(somaxconn(tmp_path, 8000, "b"), on)
        dying = ground(tmp_path, DyingMachine(1))
        assert in_child(lambda: api.rollback(1, ground=dying)) == -signal.SIGKILL
        assert SOMAXCONN.read_text() == "8000\n"
        return on

    def test_is_finished_by_an_apply_of_another_profile(self, tmp_path: Path) -> None:
        on = self.begin(tmp_path)
        apply(somaxconn(tmp_path, 8500, "c"), on)
        states = {t.id: t.state for t in api.history(state_dir=on.state_dir).transactions}
        assert states[1] is TransactionState.ROLLED_BACK
        assert api.rollback(3, ground=on).exit_code is ExitCode.OK
        assert api.rollback(2, ground=on).exit_code is ExitCode.OK
        assert SOMAXCONN.read_text() == "4096\n"

    def test_is_finished_by_the_next_rollback_whichever_was_asked_for(self, tmp_path: Path) -> None:
        on = self.begin(tmp_path)
        report = api.rollback(2, ground=on)
        assert report.exit_code is ExitCode.OK
        assert report.notes == ("undid the unfinished transaction 1 (a)",)
        assert SOMAXCONN.read_text() == "4096\n"

    def test_is_finished_whatever_value_is_found(self, tmp_path: Path) -> None:
        on = self.begin(tmp_path)
        SOMAXCONN.write_text("77")
        assert api.rollback(ground=on).exit_code is ExitCode.OK
        assert SOMAXCONN.read_text() == "8000\n"

    def test_is_named_by_inspect(self, tmp_path: Path) -> None:
        on = self.begin(tmp_path)
        report = api.inspect(keys=["net.core.somaxconn"], state_dir=on.state_dir)
        assert report.notes == ("transaction 1 is unfinished: undo it with `tunekit rollback 1`",)


class Namespaces:
    def add(self, name: str) -> None:
        subprocess.run(["ip", "netns", "add", name], check=True)

    def delete(self, name: str) -> None:
        subprocess.run(["ip", "netns", "delete", name], check=True)

    def read(self, name: str) -> str:
        return subprocess.run(
            ["ip", "netns", "exec", name, "cat", str(SOMAXCONN)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout


class TestNamespaceThatIsGone:
    names = Namespaces()

    def test_ends_an_unfinished_transaction_and_blocks_nobody(self, tmp_path: Path) -> None:
        self.names.add("blue")
        dying = ground(tmp_path, DyingMachine(1))
        profile = somaxconn(tmp_path, 9000)
        # The namespace's child is the one that dies.
        in_child(lambda: apply(profile, dying, "blue"))
        assert self.names.read("blue") == "9000\n"
        self.names.delete("blue")
        report = apply(somaxconn(tmp_path, 5000, "q"), ground(tmp_path))
        assert report.exit_code is ExitCode.OK

    def test_ends_an_applied_one(self, tmp_path: Path) -> None:
        self.names.add("blue")
        on = ground(tmp_path)
        apply(somaxconn(tmp_path, 9000), on, "blue")
        self.names.delete("blue")
        report = api.rollback(ground=on)
        assert report.exit_code is ExitCode.OK
        assert [change.detail for change in report.changes] == ["its network namespace is gone"]

    def test_is_not_mistaken_for_a_later_one_of_its_name(self, tmp_path: Path) -> None:
        self.names.add("blue")
        on = ground(tmp_path)
        apply(somaxconn(tmp_path, 9000), on, "blue")
        self.names.delete("blue")
        self.names.add("blue")
        assert api.rollback(ground=on).exit_code is ExitCode.OK
        assert self.names.read("blue") == "4096\n"
        self.names.delete("blue")

    def test_an_unfinished_one_that_is_still_there_is_undone_there(self, tmp_path: Path) -> None:
        self.names.add("blue")
        dying = ground(tmp_path, DyingMachine(1))
        in_child(lambda: apply(somaxconn(tmp_path, 9000), dying, "blue"))
        apply(somaxconn(tmp_path, 5000, "q"), ground(tmp_path))
        assert self.names.read("blue") == "4096\n"
        assert SOMAXCONN.read_text() == "5000\n"
        self.names.delete("blue")

    def test_the_hosts_unfinished_one_is_undone_before_another_namespace_is_changed(
        self, tmp_path: Path
    ) -> None:
        self.names.add("green")
        in_child(lambda: apply(somaxconn(tmp_path, 9000), ground(tmp_path, DyingMachine(1))))
        report = apply(somaxconn(tmp_path, 5000, "q"), ground(tmp_path), "green")
        assert report.exit_code is ExitCode.OK
        assert self.names.read("green") == "5000\n"
        self.names.delete("green")


class TestKeepGoing:
    BLOCKED = f"sysctl:\n  net.core.somaxconn: 5005\n  vm.swappiness: {another_swappiness()}\n"

    def test_says_what_it_left_out_each_time(self, tmp_path: Path) -> None:
        on = ground(tmp_path)
        profile = load(tmp_path, "p", self.BLOCKED)
        for _ in range(2):
            report = apply(profile, on, keep_going=True)
            assert report.exit_code is ExitCode.NO
            assert ", 1 left out; " in report.verdict

    def test_shows_the_rest_in_a_preview(self, tmp_path: Path) -> None:
        profile = load(tmp_path, "p", self.BLOCKED)
        report = apply(profile, ground(tmp_path), keep_going=True, dry_run=True)
        assert report.exit_code is ExitCode.NO
        assert report.verdict == "would write 1 of 2 settings, 1 left out"

    def test_keeps_the_claim_of_a_vector_that_it_could_not_put_back(self, tmp_path: Path) -> None:
        profile = load(tmp_path, "p", "sysctl:\n  net.ipv4.tcp_wmem: [8192, 32768, 8388608]\n")
        base = WMEM.read_text().split()
        report = apply(profile, ground(tmp_path, StuckMachine()), keep_going=True)
        assert report.exit_code is ExitCode.INCOMPLETE
        assert "half-written and not put back: net.ipv4.tcp_wmem" in report.verdict
        assert api.rollback(ground=ground(tmp_path)).exit_code is ExitCode.OK
        assert WMEM.read_text().split() == base


class StuckMachine(ClumsyMachine):
    """Half-writes a vector and then refuses every write to it."""

    def __init__(self) -> None:
        super().__init__("net.ipv4.tcp_wmem", "5000 20000 99999999999")

    def write(self, subject: Subject, text: str) -> None:
        if not self.bad:
            raise WriteRefused("the kernel refuses the value", cause=Cause.OUT_OF_RANGE)
        super().write(subject, text)


class HungryMachine(Machine):
    """Runs out of memory after its second write."""

    writes = 0

    def write(self, subject: Subject, text: str) -> None:
        super().write(subject, text)
        self.writes += 1
        if self.writes == 2:
            raise MemoryError


TWO = "sysctl:\n  net.core.somaxconn: 6001\n  net.ipv4.tcp_fin_timeout: 33\n"


def test_not_even_a_lack_of_memory_leaves_half_of_it(tmp_path: Path) -> None:
    fin_timeout = Path("/proc/sys/net/ipv4/tcp_fin_timeout")
    base = SOMAXCONN.read_text(), fin_timeout.read_text()
    with pytest.raises(MemoryError):
        apply(load(tmp_path, "p", TWO), ground(tmp_path, HungryMachine()))
    assert (SOMAXCONN.read_text(), fin_timeout.read_text()) == base


class RaisingMachine(Machine):
    """Somebody raises the value between the plan and its write."""

    def read(self, subject: Subject) -> Reading:
        SOMAXCONN.write_text("60000")
        return super().read(subject)


def test_what_was_raised_meanwhile_is_not_lowered(tmp_path: Path) -> None:
    report = apply(somaxconn(tmp_path, 5005), ground(tmp_path, RaisingMachine()))
    assert report.exit_code is ExitCode.OK
    assert SOMAXCONN.read_text() == "60000\n"


def test_a_signal_during_a_rollback_is_answered_when_it_is_done(tmp_path: Path) -> None:
    apply(load(tmp_path, "p", TWO), ground(tmp_path))
    on = ground(tmp_path, SignallingMachine(1, signal.SIGTERM))
    report = api.rollback(ground=on)
    assert report.exit_code is ExitCode.TERMINATED
    assert report.verdict == (
        "transaction 1 is undone: 2 settings put back; a signal came meanwhile, and the rollback "
        "was finished first"
    )
    assert SOMAXCONN.read_text() == "4096\n"


def tamper(tmp_path: Path, statement: str) -> None:
    db = sqlite3.connect(tmp_path / "state" / "journal.sqlite")
    with db:
        db.execute(statement)
    db.close()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "UPDATE writes SET name = 'net.ipv4.conf.all.accept_source_route', before = '1'",
            "it would write net.ipv4.conf.all.accept_source_route, which its transaction was not",
        ),
        (
            "UPDATE writes SET name = 'kernel.core_pattern', before = '|/bin/x'",
            "it would write kernel.core_pattern, which its transaction was not allowed to",
        ),
        (
            "UPDATE writes SET name = 'net.core.unheard_of', before = '1'",
            "it would write net.core.unheard_of, which its transaction was not allowed to",
        ),
        (
            "UPDATE writes SET name = 'net.ipv4.tcp_wmem', before = '1'",
            "a value of net.ipv4.tcp_wmem has 1 fields",
        ),
    ],
)
def test_a_journal_cannot_make_root_write_what_no_profile_was_allowed_to(
    tmp_path: Path, statement: str, message: str
) -> None:
    in_child(lambda: apply(somaxconn(tmp_path, 9000), ground(tmp_path, DyingMachine(1))))
    tamper(tmp_path, statement)
    with pytest.raises(StateError, match=message):
        api.rollback(ground=ground(tmp_path))
    assert Path("/proc/sys/net/ipv4/conf/all/accept_source_route").read_text() == "0\n"


def test_a_journal_without_its_base_value_says_so(tmp_path: Path) -> None:
    apply(somaxconn(tmp_path, 9000), ground(tmp_path))
    tamper(tmp_path, "DELETE FROM bases")
    with pytest.raises(StateError, match=r"it has no base value of net\.core\.somaxconn"):
        api.rollback(ground=ground(tmp_path))


def test_a_key_that_was_allowed_and_what_it_moves_are_put_back(tmp_path: Path) -> None:
    forward = "net.ipv4.ip_forward"
    body = f"allow: [{forward}]\nsysctl:\n  {forward}: 1\n"
    profile = load(tmp_path, "p", body)
    dying = ground(tmp_path, DyingMachine(1))
    in_child(lambda: api.apply(profile, prove=False, allow=(forward,), ground=dying))
    assert Path("/proc/sys/net/ipv4/conf/lo/forwarding").read_text() == "1\n"
    assert api.rollback(ground=ground(tmp_path)).exit_code is ExitCode.OK
    assert Path("/proc/sys/net/ipv4/conf/lo/forwarding").read_text() == "0\n"


def test_a_state_folder_below_somebody_elses_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    on = Ground(machine=Machine(), state_dir=theirs / "state", run_dir=tmp_path / "run")
    with pytest.raises(StateError, match="belongs to user 65534"):
        apply(somaxconn(tmp_path, 9000), on)


def test_a_journal_that_others_may_read_is_refused(tmp_path: Path) -> None:
    on = ground(tmp_path)
    apply(somaxconn(tmp_path, 9000), on)
    (tmp_path / "state" / "journal.sqlite").chmod(0o644)
    with pytest.raises(StateError, match="is open to others, and it may hold secrets"):
        apply(somaxconn(tmp_path, 9001), on)


def test_transactions_of_another_boot_have_ended(tmp_path: Path) -> None:
    on = ground(tmp_path)
    apply(somaxconn(tmp_path, 9000), on)
    for table in ("claims", "bases"):
        tamper(tmp_path, f"UPDATE {table} SET identity = 'older-boot/1'")
    tamper(tmp_path, "UPDATE transactions SET boot_id = 'older-boot'")
    shown = api.history(state_dir=on.state_dir).transactions
    assert [each.state for each in shown] == [TransactionState.ENDED]
    apply(somaxconn(tmp_path, 9001), on)
    db = sqlite3.connect(tmp_path / "state" / "journal.sqlite")
    assert db.execute("SELECT count(*) FROM bases WHERE identity LIKE 'older%'").fetchone() == (0,)
    db.close()


def test_the_profile_applied_last_is_known_with_its_variables_and_place(
    tmp_path: Path, change_folder: Callable[[Path], None]
) -> None:
    body = "vars: {q: 5000}\nsysctl:\n  net.core.somaxconn: {at_least: q}\n"
    (tmp_path / "v.yaml").write_text(f"tunekit: 1\nname: v\n{body}")
    change_folder(tmp_path)
    on = ground(tmp_path)
    apply(api.load_profile("./v.yaml", variables={"q": "9000"}), on)
    change_folder(Path("/"))
    profile, _ = applied_last(on.state_dir)
    assert api.inspect(profile).exit_code is ExitCode.OK
    SOMAXCONN.write_text("6500")
    assert api.inspect(profile).exit_code is ExitCode.NO


@pytest.fixture
def change_folder(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    return monkeypatch.chdir


def test_a_secret_that_differs_is_drift_and_is_never_shown(tmp_path: Path) -> None:
    name = "net.ipv4.tcp_fastopen_key"
    body = f"allow: [{name}]\nsysctl:\n  {name}: 00000001-00000002-00000003-00000004\n"
    profile = load(tmp_path, "p", body)
    report = api.inspect(profile)
    assert report.exit_code is ExitCode.NO
    assert "00000003" not in repr(report)


@pytest.mark.parametrize("spare", ["SIGPIPE", "SIGXFSZ"])
def test_run_leaves_signals_as_they_were_given(tmp_path: Path, spare: str) -> None:
    load(tmp_path, "p", "limits:\n  nofile: {at_least: 64}\n")
    script = "grep SigIgn /proc/self/status; env | grep -c LC_CTYPE"
    ran = subprocess.run(
        ["env", "-i", sys.executable, "-m", "tunekit", "run", str(tmp_path / "p.yaml"),
         "-q", "--", "/bin/sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    ignored, coerced = ran.stdout.split("\n")[:2]
    mask = int(ignored.split()[1], 16)
    assert not mask >> (signal.Signals[spare] - 1) & 1
    assert coerced == "0"
