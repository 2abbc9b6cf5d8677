"""Undoing a transaction: each key gets what its base and the remaining claims require.

Two transactions may have claimed the same key, one wanting at least 5000 and the other at least
4500. Undoing the first must leave 4500, and not the value from before both: so the claims that
remain are folded over the base, in the order in which they were made.

What a rollback is about to put back is durable before its first write, as with an apply: one that
was killed is finished by the next run, whatever values that finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tunekit import catalog
from tunekit.engine import codec, filing
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
from tunekit.profile.limits import fit_soft_limit
from tunekit.profile.requirement import meet_all
from tunekit.values import SysctlValue


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """What came of a rollback. `incomplete` counts the keys that still have the claim, and
    `elsewhere` those of them that belong to another network namespace.
    """

    transaction: Transaction
    changes: tuple[Change, ...]
    incomplete: int
    elsewhere: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a rollback is done.

    `namespace_gone` says that the transaction's network namespace is not there any more, and its
    values with it.
    """

    machine: Machine
    journal: Journal
    host: HostIdentity
    force: bool = False
    namespace_gone: bool = False

    def is_here(self, subject: Subject) -> bool:
        """Tell whether a subject is the host's, this namespace's or a process's."""
        here = (host_scope(self.host), netns_scope(self.host))
        return subject.scope.is_process or subject.scope in here


@dataclass(slots=True)
class _Work:
    """A rollback while its targets are found."""

    rows: list[Change] = field(default_factory=list)
    targets: dict[Subject, str] = field(default_factory=dict)
    before: dict[Subject, str] = field(default_factory=dict)
    released: list[Subject] = field(default_factory=list)
    left: list[tuple[Subject, str]] = field(default_factory=list)
    rebased: list[tuple[Subject, int]] = field(default_factory=list)
    elsewhere: int = 0


def fold(base: SysctlValue, claims: Iterable[Held], name: str) -> SysctlValue:
    """The value that a base and claims, in the order in which they were made, require."""
    tunable = catalog.find(name)
    for claim in claims:
        base = fit_soft_limit(meet_all(base, claim.requirements, tunable), name)
    return base


def roll_back(transaction: Transaction, on: Site) -> RolledBack:
    """Undo one transaction.

    A key that somebody else changed since is refused and keeps its claim, unless `force`; the
    rest goes on. An unfinished transaction is undone whatever values it finds.
    """
    if transaction.state is TransactionState.BEGUN:
        return recover(transaction, on)
    if transaction.state is TransactionState.UNDOING:
        on = _finish_writing(transaction, on)
    work = _Work()
    for held in on.journal.held(transaction=transaction.id):
        _find_target(work, held, on)
    _refuse_forbidden(transaction, work.targets, on.journal)
    on.journal.intend(transaction.id, work.targets, forced=on.force)
    # The files first: a power cut in between then leaves what boot would not set again.
    _roll_back_files(work, transaction, on)
    problems = restore(on.machine, work.targets)
    for subject, target in work.targets.items():
        text = on.machine.text(subject)
        after = target if text is None else text
        work.rows.append(
            Change(
                subject=subject,
                before=shown(subject.name, work.before[subject]),
                wanted=shown(subject.name, target),
                after=shown(subject.name, after),
                outcome=Outcome.REJECTED if subject in problems else Outcome.ROLLED_BACK,
                detail=problems.get(subject, ""),
            )
        )
    kept = [row for row in work.rows if row.outcome in (Outcome.REFUSED, Outcome.REJECTED)]
    state = TransactionState.INCOMPLETE if kept else TransactionState.ROLLED_BACK
    put = [subject for subject in work.targets if subject not in problems]
    on.journal.end(
        transaction.id,
        state,
        released=[*work.released, *put],
        left=[
            *work.left,
            *((s, text) for s in put if (text := on.machine.text(s)) is not None),
        ],
        rebased=work.rebased,
    )
    return RolledBack(
        transaction=replace(transaction, state=state),
        changes=tuple(work.rows),
        incomplete=len(kept),
        elsewhere=work.elsewhere,
    )


def recover(transaction: Transaction, on: Site) -> RolledBack:
    """Undo a transaction whose run died, whatever values it finds there."""
    writes = [
        write
        for write in on.journal.writes(transaction.id)
        if on.is_here(write.subject) or not on.namespace_gone
    ]
    for write in writes:
        if not on.is_here(write.subject):
            raise StateError(
                f"transaction {transaction.id} is unfinished in another network namespace",
                hint=f"run `tunekit rollback {transaction.id} --netns NAME` with that namespace",
            )
    targets = {write.subject: write.before for write in writes}
    _refuse_forbidden(transaction, targets, on.journal)
    present = {subject: on.machine.text(subject) for subject in targets}
    files = [each.write for each in on.journal.files() if each.transaction == transaction.id]
    never_written = {each.subject for each in files if filing.is_undone(each)}
    problems = put_back(on.machine, on.journal, transaction, writes)
    rows = [
        _recovered(subject, present[subject], target, on.machine, problems)
        for subject, target in targets.items()
    ]
    for file in files:
        why = problems.get(file.subject, "")
        outcome = Outcome.REJECTED if why else Outcome.ROLLED_BACK
        if not why and file.subject in never_written:
            file, outcome = replace(file, text=file.before), Outcome.UNCHANGED
        rows.append(filing.row(file, outcome, detail=why, back=True))
    state = TransactionState.INCOMPLETE if problems else TransactionState.UNDONE
    return RolledBack(
        transaction=replace(transaction, state=state),
        changes=tuple(rows),
        incomplete=len(problems),
    )


def _roll_back_files(work: _Work, transaction: Transaction, on: Site) -> None:
    """Give each file of a transaction what the newest of the others wants of it.

    One that somebody edited since is refused and keeps its claim.
    """
    claims = on.journal.files()
    for mine in [each for each in claims if each.transaction == transaction.id]:
        write = mine.write
        same = [each for each in claims if each.write.subject == write.subject]
        rest = [each for each in same if each.transaction != transaction.id]
        expected = same[-1].write.text
        target = rest[-1].write.text if rest else None
        undone = replace(write, before=target, text=expected)
        why = ""
        if target != expected:
            why = filing.settle(undone, {expected}, target, force=on.force)
        if why:
            work.rows.append(
                replace(
                    filing.row(undone, Outcome.REFUSED, detail=why, back=True),
                    remedy=f"keep it, or run `tunekit rollback {transaction.id} --force`",
                )
            )
            continue
        outcome = Outcome.UNCHANGED if target == expected else Outcome.ROLLED_BACK
        work.rows.append(filing.row(undone, outcome, back=True))
        work.released.append(write.subject)


def _recovered(
    subject: Subject,
    present: str | None,
    target: str,
    machine: Machine,
    problems: Mapping[Subject, str],
) -> Change:
    name = subject.name
    text = machine.text(subject)
    outcome = Outcome.REJECTED if subject in problems else Outcome.ROLLED_BACK
    if subject not in problems and (present is None or _same(name, present, target)):
        outcome = Outcome.UNCHANGED
    return Change(
        subject=subject,
        before=None if present is None else shown(name, present),
        wanted=shown(name, target),
        after=None if text is None else shown(name, text),
        outcome=outcome,
        detail=problems.get(subject, ""),
    )


def _finish_writing(transaction: Transaction, on: Site) -> Site:
    """Write what a rollback that died was writing; what it had decided stands."""
    targets, forced = on.journal.undos(transaction.id)
    here = {subject: text for subject, text in targets.items() if on.is_here(subject)}
    _refuse_forbidden(transaction, here, on.journal)
    restore(on.machine, here)
    return replace(on, force=on.force or forced)


def _refuse_forbidden(
    transaction: Transaction, targets: Mapping[Subject, str], journal: Journal
) -> None:
    movers = [held.subject.name for held in journal.held(transaction=transaction.id)]
    for subject in targets:
        codec.refuse_unless_allowed(subject, allowed=transaction.allowed, movers=movers)


def _find_target(work: _Work, held: Held, on: Site) -> None:
    subject = held.subject
    if boot_of(subject.scope) != on.host.boot_id:
        work.rows.append(_gone(subject, "its boot is over"))
        work.released.append(subject)
        return
    if not on.is_here(subject):
        _put_elsewhere(work, held, on)
        return
    reading = on.machine.read(subject)
    if isinstance(reading, Missing):
        work.rows.append(_gone(subject, "it is not here any more"))
        work.released.append(subject)
    elif isinstance(reading, Value):
        _decide(work, held, reading.text, on)
    else:
        work.rows.append(
            Change(
                subject=subject,
                outcome=Outcome.REFUSED,
                detail="cannot be read",
                remedy="run as root, in the namespace where it was applied",
            )
        )


def _decide(work: _Work, held: Held, present: str, on: Site) -> None:
    subject = held.subject
    name = subject.name
    bases = on.journal.bases(subject)
    mine = next((base for base in bases if base.epoch == held.epoch), None)
    if mine is None:
        raise StateError(
            f"the journal is damaged: it has no base value of {name}",
            path=str(on.journal.path),
            hint="move it away and set the keys by hand; `tunekit history` shows them",
        )
    claims = [claim for claim in on.journal.held(subject) if claim.epoch >= mine.epoch]
    stale = held.epoch != bases[-1].epoch
    rest = [claim for claim in claims if claim.transaction != held.transaction]
    target = _target(mine, rest, present, name)
    current = value_of(name, present)
    if stale and on.force:
        work.rebased.append((subject, mine.epoch))
    if not stale and (current == target or _makes_no_difference(mine, claims, rest, name)):
        work.released.append(subject)
        work.rows.append(_unchanged(subject, present))
        if current == target:
            # A rollback that died may have put it there without having told the journal.
            work.left.append((subject, present))
    elif on.force or (not stale and current == value_of(name, mine.current)):
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


def _put_elsewhere(work: _Work, held: Held, on: Site) -> None:
    subject = held.subject
    if on.namespace_gone or on.force:
        why = "its network namespace is gone" if on.namespace_gone else "forgotten, as forced"
        work.released.append(subject)
        work.rows.append(_gone(subject, why))
        return
    work.elsewhere += 1
    work.rows.append(
        Change(
            subject=subject,
            outcome=Outcome.REFUSED,
            detail="it belongs to another network namespace",
            remedy=f"run `tunekit rollback {held.transaction} --netns NAME` with that namespace; "
            "--force forgets it",
        )
    )


def is_forgotten(change: Change) -> bool:
    """Tell whether a row is a value that is not there any more, or that shall stay as it is."""
    return change.outcome is Outcome.UNCHANGED and change.before is None and bool(change.detail)


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
