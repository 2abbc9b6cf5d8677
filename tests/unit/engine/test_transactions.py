"""Applying and undoing, on a kernel in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.machines import MemoryMachine
from tests.unit.engine.builders import (
    HOST,
    at_least,
    key,
    profile,
    requirement,
    setting,
    snapshot,
    subject,
)
from tunekit.engine.apply import Applied, execute
from tunekit.engine.interrupts import Guard
from tunekit.engine.journal import Journal
from tunekit.engine.model import Outcome
from tunekit.engine.plan import make
from tunekit.engine.rollback import RolledBack, Site, roll_back
from tunekit.engine.store import opened, peek
from tunekit.engine.transaction import Transaction, TransactionState
from tunekit.errors import StateError, UnknownTransaction
from tunekit.profile.model import Profile

SOMAXCONN = "net.core.somaxconn"
BEGUN = Transaction(
    id=0,
    state=TransactionState.BEGUN,
    profile="p",
    path="p.yaml",
    started=1.0,
    boot_id=HOST.boot_id,
    kernel=HOST.kernel,
    uid=0,
    cookie=7,
)


@pytest.fixture
def journal(tmp_path: Path):  # type: ignore[no-untyped-def]
    with opened(tmp_path / "state") as found:
        yield found


def apply(
    machine: MemoryMachine,
    journal: Journal,
    wanted: Profile,
    *,
    partners: dict[str, tuple[str, ...]] | None = None,
    keep_going: bool = False,
    allow: tuple[str, ...] = (),
) -> Applied:
    links = {key(k): tuple(map(key, v)) for k, v in (partners or {}).items()}
    plan = make(wanted, snapshot(dict(machine.values), partners=links), allow=list(map(key, allow)))
    begun = replace(BEGUN, allowed=frozenset(allow))
    return execute(
        plan, begun, machine=machine, journal=journal, guard=Guard(), keep_going=keep_going
    )


def undo(
    machine: MemoryMachine, journal: Journal, number: int, *, force: bool = False
) -> RolledBack:
    found = journal.transaction(number)
    return roll_back(found, Site(machine=machine, journal=journal, host=HOST, force=force))


def test_rolling_back_the_first_of_two_leaves_what_the_second_requires(journal: Journal) -> None:
    machine = MemoryMachine({SOMAXCONN: "4096"})
    apply(machine, journal, profile(setting(SOMAXCONN, at_least(5000))))
    apply(machine, journal, profile(setting(SOMAXCONN, at_least(4500))))
    assert machine.values[SOMAXCONN] == "5000"
    undo(machine, journal, 1)
    assert machine.values[SOMAXCONN] == "4500"
    undo(machine, journal, 2)
    assert machine.values[SOMAXCONN] == "4096"
    assert journal.bases(subject(SOMAXCONN)) == []


def test_a_value_that_the_kernel_rounds_is_adjusted_and_fine_for_at_least(
    journal: Journal,
) -> None:
    machine = MemoryMachine({"fs.pipe-max-size": "4096"})
    machine.round["5000"] = "8192"
    applied = apply(machine, journal, profile(setting("fs.pipe-max-size", at_least(5000))))
    assert [(c.outcome, c.after) for c in applied.changes] == [(Outcome.ADJUSTED, "8192")]
    assert applied.error is None


def test_a_value_that_the_kernel_rounds_is_a_failure_for_exactly(journal: Journal) -> None:
    machine = MemoryMachine({"fs.pipe-max-size": "4096"})
    machine.round["5000"] = "8192"
    applied = apply(machine, journal, profile(setting("fs.pipe-max-size", requirement(5000))))
    assert str(applied.error) == (
        "p.yaml:5: fs.pipe-max-size: reads 8192 after 5000 was written; ask for a value that the "
        "kernel keeps as it is, or for `at_least`"
    )
    assert machine.values == {"fs.pipe-max-size": "4096"}
    assert journal.transaction(1).state is TransactionState.UNDONE


def test_a_refused_key_undoes_the_others_in_reverse_order(journal: Journal) -> None:
    names = [SOMAXCONN, "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_time"]
    machine = MemoryMachine(dict.fromkeys(names, "1"))
    machine.refuse = {names[2]}
    wanted = profile(*(setting(name, requirement(50)) for name in names))
    applied = apply(machine, journal, wanted)
    assert machine.log == [
        (names[0], "50"),
        (names[1], "50"),
        (names[1], "1"),
        (names[0], "1"),
    ]
    assert [change.outcome for change in applied.changes] == [
        Outcome.ROLLED_BACK,
        Outcome.ROLLED_BACK,
        Outcome.REJECTED,
    ]


def test_a_partner_is_put_back_when_the_last_claim_that_moves_it_goes(journal: Journal) -> None:
    forward, redirects = "net.ipv4.ip_forward", "net.ipv4.conf.all.accept_redirects"
    machine = MemoryMachine({forward: "0", redirects: "1"})
    machine.resets = {forward: {redirects: "0"}}
    wanted = profile(setting(forward, requirement(1)), allow=(forward,))
    applied = apply(machine, journal, wanted, partners={forward: (redirects,)}, allow=(forward,))
    assert [(c.key, c.outcome, c.after) for c in applied.changes] == [
        (forward, Outcome.APPLIED, "1"),
        (redirects, Outcome.MOVED, "0"),
    ]
    undo(machine, journal, 1)
    assert machine.values == {forward: "0", redirects: "1"}


def test_an_exclusive_pair_is_put_back_without_writing_its_zero(journal: Journal) -> None:
    machine = MemoryMachine({"vm.dirty_bytes": "0", "vm.dirty_ratio": "20"})
    machine.resets = {
        "vm.dirty_bytes": {"vm.dirty_ratio": "0"},
        "vm.dirty_ratio": {"vm.dirty_bytes": "0"},
    }
    wanted = profile(setting("vm.dirty_bytes", requirement(100_000_000)))
    apply(machine, journal, wanted, partners={"vm.dirty_bytes": ("vm.dirty_ratio",)})
    assert machine.values == {"vm.dirty_bytes": "100000000", "vm.dirty_ratio": "0"}
    undo(machine, journal, 1)
    assert machine.values == {"vm.dirty_bytes": "0", "vm.dirty_ratio": "20"}
    assert ("vm.dirty_bytes", "0") not in machine.log


def test_what_somebody_else_changed_is_refused_and_the_rest_goes_on(journal: Journal) -> None:
    machine = MemoryMachine({SOMAXCONN: "1", "net.ipv4.tcp_fin_timeout": "60"})
    apply(
        machine,
        journal,
        profile(
            setting(SOMAXCONN, requirement(5)),
            setting("net.ipv4.tcp_fin_timeout", requirement(30)),
        ),
    )
    machine.values[SOMAXCONN] = "7"
    undone = undo(machine, journal, 1)
    assert machine.values == {SOMAXCONN: "7", "net.ipv4.tcp_fin_timeout": "60"}
    assert undone.incomplete == 1
    refused = next(row for row in undone.changes if row.outcome is Outcome.REFUSED)
    assert (refused.key, refused.detail, refused.remedy) == (
        SOMAXCONN,
        "somebody else changed it since: tunekit left 5 there",
        "keep it, or run `tunekit rollback 1 --force`",
    )
    assert undo(machine, journal, 1, force=True).incomplete == 0
    assert machine.values[SOMAXCONN] == "1"


def test_a_claim_that_never_wrote_is_released_whatever_the_value_is_now(journal: Journal) -> None:
    machine = MemoryMachine({SOMAXCONN: "65535"})
    apply(machine, journal, profile(setting(SOMAXCONN, at_least(5000))))
    machine.values[SOMAXCONN] = "100"
    assert undo(machine, journal, 1).incomplete == 0
    assert machine.values[SOMAXCONN] == "100"
    assert machine.log == []


def test_a_boot_ends_every_claim(journal: Journal) -> None:
    machine = MemoryMachine({SOMAXCONN: "1"})
    apply(machine, journal, profile(setting(SOMAXCONN, requirement(5))))
    later = replace(HOST, boot_id="boot-2")
    machine.log.clear()
    undone = roll_back(journal.transaction(1), Site(machine=machine, journal=journal, host=later))
    assert [row.detail for row in undone.changes] == ["its boot is over"]
    assert machine.log == []


def test_a_secret_is_written_and_kept_but_never_shown(journal: Journal) -> None:
    name = "net.ipv4.tcp_fastopen_key"
    old, new = "11111111-2222-3333-4444-555555555555", "00000000-11111111-22222222-33333333"
    machine = MemoryMachine({name: old})
    from tunekit.values import Text

    wanted = profile(setting(name, requirement(Text(new))), allow=(name,))
    applied = apply(machine, journal, wanted, allow=(name,))
    assert machine.values[name] == new
    assert "2222" not in repr(applied)
    assert (applied.changes[0].before, applied.changes[0].after) == ("(secret)", "(secret)")
    undone = undo(machine, journal, 1)
    assert machine.values[name] == old
    assert "2222" not in repr(undone)


class TestJournal:
    def test_it_is_for_root_alone(self, tmp_path: Path) -> None:
        with opened(tmp_path / "state"):
            pass
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "state" / "journal.sqlite").stat().st_mode & 0o777 == 0o600

    def test_looking_makes_nothing(self, tmp_path: Path) -> None:
        with peek(tmp_path / "none") as journal:
            assert journal is None
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_others_may_write_is_refused(self, tmp_path: Path) -> None:
        folder = tmp_path / "state"
        folder.mkdir()
        folder.chmod(0o777)
        with pytest.raises(StateError) as caught, opened(folder):
            pass
        assert str(caught.value) == (
            f"{folder}: can be written by others, who could make root write their values; "
            f"chmod go-w {folder}"
        )

    def test_an_unknown_transaction_says_how_to_find_one(self, journal: Journal) -> None:
        with pytest.raises(UnknownTransaction, match="`tunekit history` lists them"):
            journal.transaction(3)

    @pytest.mark.parametrize(
        ("column", "value", "message"),
        [
            ("name", "net.core/../x", "is not a value that tunekit sets"),
            ("kind", "cgroup", "is not a value that tunekit sets"),
            ("requirements", "[{}]", "cannot be read"),
            ("requirements", '[{"mode": "exactly", "text": "a\\u0000"}]', "cannot be read"),
        ],
    )
    def test_what_it_says_is_checked(
        self, journal: Journal, column: str, value: str, message: str
    ) -> None:
        machine = MemoryMachine({SOMAXCONN: "1"})
        apply(machine, journal, profile(setting(SOMAXCONN, requirement(5))))
        journal.connection.execute(f"UPDATE claims SET {column} = ?", (value,))
        with pytest.raises(StateError, match=message):
            undo(machine, journal, 1)
