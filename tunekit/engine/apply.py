"""Carrying out a plan as one transaction: all of it, or nothing of it.

The journal knows every claim and every before-value before the first write, so that whatever
kills this process leaves enough behind for `recover` to undo it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tunekit import catalog
from tunekit.engine.interrupts import Guard
from tunekit.engine.journal import Journal, Write
from tunekit.engine.machine import Machine
from tunekit.engine.model import Change, Claim, Outcome, Plan, Subject
from tunekit.engine.restore import restore
from tunekit.engine.transaction import Transaction, TransactionState
from tunekit.errors import Interrupted, InvalidValue, ReadFailed, TunekitError
from tunekit.kernel.readings import Value
from tunekit.profile.evaluate import shown, value_of
from tunekit.profile.requirement import all_met
from tunekit.values import SysctlValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What came of a plan.

    `error` is why it was undone, None when it stands; `incomplete` names what could not be put
    back then, with the cause. `left_out` counts the settings that `keep_going` passed over.
    """

    transaction: Transaction
    changes: tuple[Change, ...]
    error: TunekitError | None = None
    incomplete: tuple[tuple[Subject, str], ...] = ()
    left_out: int = 0


class _Failed(TunekitError):
    """A value that the kernel did not take as it was meant."""


def execute(
    plan: Plan,
    transaction: Transaction,
    *,
    machine: Machine,
    journal: Journal,
    guard: Guard,
    keep_going: bool = False,
) -> Applied:
    """Write a plan's changes, reading each back, or undo them all.

    Raises StateError when the journal does not take the transaction; nothing was written then.
    """
    present = {claim.subject: _text(machine, claim.subject) for claim in plan.claims}
    moved = {change.subject: _text(machine, change.subject) for change in plan.moved}
    writes = [
        Write(subject=change.subject, before=present[change.subject], wanted=change.target)
        for change in plan.writes
    ]
    writes += [Write(subject=s, before=text, wanted=None) for s, text in moved.items()]
    claims = [(claim, present[claim.subject]) for claim in plan.claims]
    claims += [(Claim(subject=subject), text) for subject, text in moved.items()]
    transaction = journal.begin(transaction, claims, writes)
    requirements = {claim.subject: claim for claim in plan.claims}
    done: list[Change] = []
    try:
        for change in plan.writes:
            guard.check()
            claim = requirements[change.subject]
            try:
                done.append(_write(machine, change, claim))
            except TunekitError as error:
                if not keep_going:
                    done.append(_rejected(change, error))
                    raise
                done.append(_passed_over(machine, change, error, present[change.subject]))
        guard.check()
        kept = [change for change in done if change.outcome is not Outcome.REJECTED]
        _verify(machine, kept, requirements)
        after = [(write.subject, _text(machine, write.subject)) for write in writes]
        rejected = [change.subject for change in done if change.outcome is Outcome.REJECTED]
        journal.commit(transaction.id, after, released=rejected)
    except (TunekitError, OSError) as error:
        return _undo(machine, journal, transaction, plan, done, writes, error)
    transaction = replace(transaction, state=TransactionState.APPLIED)
    rows = (*done, *_what_moved(machine, plan), *plan.settled)
    return Applied(transaction=transaction, changes=rows, left_out=len(rejected))


def _write(machine: Machine, change: Change, claim: Claim) -> Change:
    assert change.target is not None
    tunable = catalog.find(change.key)
    wanted = value_of(change.key, change.target)
    if _value(machine, change.subject) == wanted:
        # Another write of this plan has brought it there, or nothing moved it after all.
        return replace(change, outcome=Outcome.UNCHANGED, after=change.wanted)
    machine.write(change.subject, change.target)
    stored = _value(machine, change.subject)
    after = shown(change.key, str(stored))
    if stored == wanted:
        return replace(change, outcome=Outcome.APPLIED, after=after)
    if all_met(stored, claim.requirements, tunable):
        detail = "the kernel stored another value than the one written, and it will do"
        return replace(change, outcome=Outcome.ADJUSTED, after=after, detail=detail)
    raise _Failed(
        f"reads {after} after {change.wanted} was written",
        key=change.key,
        location=change.location,
        hint="ask for a value that the kernel keeps as it is, or for `at_least`",
    )


def _verify(machine: Machine, changes: list[Change], claims: dict[Subject, Claim]) -> None:
    """Look once more at every value, since a later write may have moved an earlier one."""
    for change in changes:
        stored = _value(machine, change.subject)
        tunable = catalog.find(change.key)
        if not all_met(stored, claims[change.subject].requirements, tunable):
            raise _Failed(
                f"was {change.after} after its write and reads {shown(change.key, str(stored))} at "
                f"the end: another write or another program changed it",
                key=change.key,
                location=change.location,
                hint="see which other setting of the profile moves it (tunekit apply --dry-run)",
            )


def _value(machine: Machine, subject: Subject) -> SysctlValue:
    return value_of(subject.name, _text(machine, subject))


def _text(machine: Machine, subject: Subject) -> str:
    reading = machine.read(subject)
    if not isinstance(reading, Value):
        raise ReadFailed(
            "cannot be read any more", key=subject.name, hint="see why with tunekit inspect"
        )
    return reading.text


def _rejected(change: Change, error: TunekitError) -> Change:
    return replace(change, outcome=Outcome.REJECTED, detail=error.message, remedy=error.hint)


def _passed_over(machine: Machine, change: Change, error: TunekitError, before: str) -> Change:
    """Put one refused key back, half-written as it may be, and go on."""
    problems = restore(machine, {change.subject: before})
    row = _rejected(change, error)
    if change.subject in problems:
        row = replace(row, detail=f"{row.detail}; not put back: {problems[change.subject]}")
    return replace(row, after=shown(change.key, _text(machine, change.subject)))


def _what_moved(machine: Machine, plan: Plan) -> list[Change]:
    rows = []
    for change in plan.moved:
        after = shown(change.key, _text(machine, change.subject))
        if after != change.before:
            rows.append(replace(change, after=after))
    return rows


def _undo(
    machine: Machine,
    journal: Journal,
    transaction: Transaction,
    plan: Plan,
    done: list[Change],
    writes: list[Write],
    error: Exception,
) -> Applied:
    problems = put_back(machine, journal, transaction, writes)
    if not isinstance(error, TunekitError):
        error = TunekitError(str(error), hint="see the kernel log (dmesg)")
    rows = []
    for change in done:
        if change.outcome is Outcome.REJECTED:
            rows.append(change)
            continue
        back = change.subject not in problems
        rows.append(
            replace(
                change,
                after=change.before if back else change.after,
                outcome=Outcome.ROLLED_BACK if back else change.outcome,
                detail=problems.get(change.subject, ""),
            )
        )
    untouched = plan.writes[len(done) :]
    state = TransactionState.INCOMPLETE if problems else TransactionState.UNDONE
    return Applied(
        transaction=replace(transaction, state=state),
        changes=(*rows, *untouched, *plan.settled),
        error=error,
        incomplete=tuple(problems.items()),
    )


def put_back(
    machine: Machine, journal: Journal, transaction: Transaction, writes: list[Write]
) -> dict[Subject, str]:
    """Give every subject of a transaction its before-value, in reverse order, and end it.

    The half-written are among them, so each is compared with what it reads now, not with what was
    meant to be written. Returns why, for each subject that could not be put back.
    """
    problems = restore(machine, {write.subject: write.before for write in reversed(writes)})
    claimed = [held.subject for held in journal.held(transaction=transaction.id)]
    left = [(subject, _or_empty(machine, subject)) for subject in problems]
    journal.end(
        transaction.id,
        TransactionState.INCOMPLETE if problems else TransactionState.UNDONE,
        released=[subject for subject in claimed if subject not in problems],
        left=[(subject, text) for subject, text in left if text],
    )
    return problems


def _or_empty(machine: Machine, subject: Subject) -> str:
    try:
        return _text(machine, subject)
    except (ReadFailed, InvalidValue):
        return ""


def interrupted(applied: Applied) -> int | None:
    """The signal that ended an apply, None if none did."""
    return applied.error.signum if isinstance(applied.error, Interrupted) else None
