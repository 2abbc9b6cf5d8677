"""Undoing a transaction: each key gets what its base and the remaining claims require.

Two transactions may have claimed the same key, one wanting at least 5000 and the other at least
4500. Undoing the first must leave 4500, and not the value from before both: so the claims that
remain are folded over the base, in the order in which they were made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tunekit import catalog
from tunekit.engine.apply import put_back
from tunekit.engine.journal import Base, Held, Journal
from tunekit.engine.machine import Machine
from tunekit.engine.model import Change, Outcome, Subject
from tunekit.engine.restore import restore
from tunekit.engine.scope import boot_of, host_scope, netns_scope
from tunekit.engine.transaction import Transaction, TransactionState
from tunekit.errors import InvalidValue, StateError
from tunekit.kernel.host import HostIdentity
from tunekit.kernel.readings import Missing, Value
from tunekit.profile.evaluate import shown, value_of
from tunekit.profile.requirement import meet_all
from tunekit.values import SysctlValue


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """What came of a rollback. `incomplete` counts the keys that still have the claim."""

    transaction: Transaction
    changes: tuple[Change, ...]
    incomplete: int


@dataclass(slots=True)
class _Work:
    """A rollback while its targets are found."""

    rows: list[Change] = field(default_factory=list)
    targets: dict[Subject, str] = field(default_factory=dict)
    before: dict[Subject, str] = field(default_factory=dict)
    released: list[Subject] = field(default_factory=list)
    rebased: list[tuple[Subject, int]] = field(default_factory=list)


def fold(base: SysctlValue, claims: Iterable[Held], name: str) -> SysctlValue:
    """The value that a base and claims, in the order in which they were made, require."""
    tunable = catalog.find(name)
    for claim in claims:
        base = meet_all(base, claim.requirements, tunable)
    return base


def roll_back(
    transaction: Transaction,
    *,
    machine: Machine,
    journal: Journal,
    host: HostIdentity,
    force: bool = False,
) -> RolledBack:
    """Undo one transaction.

    A key that somebody else changed since is refused and keeps its claim, unless `force`; the
    rest goes on. An unfinished transaction is undone whatever values it finds.
    """
    if transaction.state is TransactionState.BEGUN:
        return recover(transaction, machine=machine, journal=journal, host=host)
    work = _Work()
    for held in journal.held(transaction=transaction.id):
        _find_target(work, held, machine, journal, host, force=force)
    problems = restore(machine, work.targets)
    for subject, text in work.targets.items():
        failed = subject in problems
        work.rows.append(
            Change(
                subject=subject,
                before=shown(subject.name, work.before[subject]),
                wanted=shown(subject.name, text),
                after=shown(subject.name, _text_or(machine, subject, text)),
                outcome=Outcome.REJECTED if failed else Outcome.ROLLED_BACK,
                detail=problems.get(subject, ""),
            )
        )
        if not failed:
            work.released.append(subject)
    kept = [row for row in work.rows if row.outcome in (Outcome.REFUSED, Outcome.REJECTED)]
    state = TransactionState.INCOMPLETE if kept else TransactionState.ROLLED_BACK
    journal.end(
        transaction.id,
        state,
        released=work.released,
        left=[
            (subject, _text_or(machine, subject, text))
            for subject, text in work.targets.items()
            if subject not in problems
        ],
        rebased=work.rebased,
    )
    return RolledBack(
        transaction=_with_state(transaction, state),
        changes=tuple(work.rows),
        incomplete=len(kept),
    )


def recover(
    transaction: Transaction, *, machine: Machine, journal: Journal, host: HostIdentity
) -> RolledBack:
    """Undo a transaction whose run died, whatever values it finds there."""
    writes = journal.writes(transaction.id)
    if transaction.boot_id != host.boot_id:
        claimed = [held.subject for held in journal.held(transaction=transaction.id)]
        journal.end(transaction.id, TransactionState.UNDONE, released=claimed)
        return RolledBack(
            transaction=_with_state(transaction, TransactionState.UNDONE),
            changes=tuple(_gone(write.subject, "its boot is over") for write in writes),
            incomplete=0,
        )
    here = (host_scope(host), netns_scope(host))
    for write in writes:
        if not write.subject.scope.is_process and write.subject.scope not in here:
            raise StateError(
                f"transaction {transaction.id} is unfinished in another network namespace",
                hint=f"run `tunekit rollback {transaction.id} --netns NAME` with that namespace",
            )
    present = {write.subject: _text_or(machine, write.subject, "") for write in writes}
    problems = put_back(machine, journal, transaction, writes)
    rows = []
    for write in writes:
        same = _same(write.subject.name, present[write.subject], write.before)
        rows.append(
            Change(
                subject=write.subject,
                before=shown(write.subject.name, present[write.subject]),
                wanted=shown(write.subject.name, write.before),
                after=shown(write.subject.name, _text_or(machine, write.subject, write.before)),
                outcome=Outcome.REJECTED
                if write.subject in problems
                else (Outcome.UNCHANGED if same else Outcome.ROLLED_BACK),
                detail=problems.get(write.subject, ""),
            )
        )
    state = TransactionState.INCOMPLETE if problems else TransactionState.UNDONE
    return RolledBack(
        transaction=_with_state(transaction, state), changes=tuple(rows), incomplete=len(problems)
    )


def _find_target(
    work: _Work,
    held: Held,
    machine: Machine,
    journal: Journal,
    host: HostIdentity,
    *,
    force: bool,
) -> None:
    subject = held.subject
    if boot_of(subject.scope) != host.boot_id:
        work.rows.append(_gone(subject, "its boot is over"))
        work.released.append(subject)
        return
    if not subject.scope.is_process and subject.scope not in (host_scope(host), netns_scope(host)):
        _put_elsewhere(work, subject, force=force)
        return
    reading = machine.read(subject)
    if isinstance(reading, Missing):
        work.rows.append(_gone(subject, "it is not here any more"))
        work.released.append(subject)
        return
    if not isinstance(reading, Value):
        work.rows.append(
            Change(
                subject=subject,
                outcome=Outcome.REFUSED,
                detail="cannot be read",
                remedy="run as root, in the namespace where it was applied",
            )
        )
        return
    _decide(work, held, reading.text, journal, force=force)


def _decide(work: _Work, held: Held, present: str, journal: Journal, *, force: bool) -> None:
    subject = held.subject
    name = subject.name
    bases = journal.bases(subject)
    mine = next(base for base in bases if base.epoch == held.epoch)
    claims = [claim for claim in journal.held(subject) if claim.epoch >= mine.epoch]
    stale = held.epoch != bases[-1].epoch
    rest = [claim for claim in claims if claim.transaction != held.transaction]
    target = _target(mine, rest, present, name)
    current = value_of(name, present)
    if stale and force:
        work.rebased.append((subject, mine.epoch))
    if not stale and (current == target or _makes_no_difference(mine, claims, rest, name)):
        # Also what a rollback that was cut off had already put back.
        work.released.append(subject)
        work.rows.append(_unchanged(subject, present))
    elif force or (not stale and current == value_of(name, mine.current)):
        work.targets[subject] = str(target)
        work.before[subject] = present
    else:
        work.rows.append(
            Change(
                subject=subject,
                before=shown(name, present),
                wanted=shown(name, str(target)),
                after=shown(name, present),
                outcome=Outcome.REFUSED,
                detail=f"somebody else changed it since: tunekit left "
                f"{shown(name, mine.current)} there",
                remedy=f"keep it, or run `tunekit rollback {held.transaction} --force`",
            )
        )


def _target(mine: Base, rest: list[Held], present: str, name: str) -> SysctlValue:
    if rest and not any(claim.requirements for claim in rest):
        # Only writes to other keys move it now, and those stand: leave it to them.
        return value_of(name, present)
    return fold(value_of(name, mine.base), rest, name)


def _makes_no_difference(mine: Base, claims: list[Held], rest: list[Held], name: str) -> bool:
    if not all(claim.requirements for claim in claims):
        return False
    base = value_of(name, mine.base)
    return fold(base, claims, name) == fold(base, rest, name)


def _put_elsewhere(work: _Work, subject: Subject, *, force: bool) -> None:
    row = Change(
        subject=subject,
        outcome=Outcome.REFUSED,
        detail="it belongs to another network namespace",
        remedy="run `tunekit rollback --netns NAME` with that namespace; --force forgets it",
    )
    if force:
        work.released.append(subject)
        row = _gone(subject, "forgotten: it belongs to another network namespace")
    work.rows.append(row)


def _gone(subject: Subject, why: str) -> Change:
    return Change(subject=subject, outcome=Outcome.UNCHANGED, detail=why)


def _unchanged(subject: Subject, text: str) -> Change:
    value = shown(subject.name, text)
    return Change(
        subject=subject, before=value, wanted=value, after=value, outcome=Outcome.UNCHANGED
    )


def _same(name: str, one: str, other: str) -> bool:
    try:
        return value_of(name, one) == value_of(name, other)
    except InvalidValue:
        return False


def _text_or(machine: Machine, subject: Subject, otherwise: str) -> str:
    reading = machine.read(subject)
    return reading.text if isinstance(reading, Value) else otherwise


def _with_state(transaction: Transaction, state: TransactionState) -> Transaction:
    return replace(transaction, state=state)
