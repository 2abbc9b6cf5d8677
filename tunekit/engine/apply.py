"""Carrying out a plan as one transaction: all of it, or nothing of it.

The journal knows every claim and every before-value before the first write, so that whatever
kills this process leaves enough behind for `recover` to undo it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tunekit import catalog
from tunekit.engine import filing
from tunekit.engine.filing import FileWrite
from tunekit.engine.interrupts import Guard
from tunekit.engine.journal import Journal, Write
from tunekit.engine.machine import Machine
from tunekit.engine.model import Change, Claim, Outcome, Plan, Subject
from tunekit.engine.restore import restore
from tunekit.engine.transaction import Transaction, TransactionState
from tunekit.errors import ReadFailed, StateError, TunekitError
from tunekit.profile.evaluate import shown, value_of
from tunekit.profile.requirement import all_met, meet_all
from tunekit.values import SysctlValue, written_form


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What came of a plan.

    `error` is why it was undone, None when it stands; `incomplete` says of what could not be put
    back then why. `left_out` counts the settings that `keep_going` passed over.
    """

    transaction: Transaction
    changes: tuple[Change, ...]
    error: TunekitError | None = None
    incomplete: Mapping[Subject, str] = field(default_factory=dict)
    left_out: int = 0


class _Failed(TunekitError):
    """A value that the kernel did not take as it was meant."""


@dataclass(slots=True, kw_only=True)
class _Run:
    """One execution of a plan."""

    plan: Plan
    machine: Machine
    transaction: Transaction
    writes: Sequence[Write]
    claims: Mapping[Subject, Claim]
    files: Sequence[FileWrite] = ()
    done: list[Change] = field(default_factory=list)
    filed: list[Change] = field(default_factory=list)
    passed_over: list[Subject] = field(default_factory=list)
    stuck: dict[Subject, str] = field(default_factory=dict)


def execute(
    plan: Plan,
    transaction: Transaction,
    *,
    machine: Machine,
    journal: Journal,
    guard: Guard,
    keep_going: bool = False,
    files: Sequence[FileWrite] = (),
) -> Applied:
    """Write a plan's changes, reading each back, or undo them all.

    `files` are written last, when every value is known to hold, and undone with the rest.
    Raises StateError when the journal does not take the transaction; nothing was written then.
    """
    run = _begin(plan, transaction, machine, journal, files)
    try:
        for change in plan.writes:
            guard.check()
            try:
                run.done.append(_write(machine, change, run.claims[change.subject]))
            except TunekitError as error:
                if not keep_going:
                    run.done.append(_rejected(change, error))
                    raise
                _pass_over(run, change, error)
        guard.check()
        _verify(run)
        run.filed += filing.write_files(run.files)
        _commit(run, journal)
    except (TunekitError, OSError) as error:
        return _undo(run, journal, error)
    except BaseException:
        # Not even a MemoryError may leave half of it behind.
        put_back(machine, journal, run.transaction, run.writes)
        raise
    return Applied(
        transaction=replace(run.transaction, state=TransactionState.APPLIED),
        changes=(*run.done, *_what_moved(machine, plan), *plan.settled, *run.filed),
        incomplete=run.stuck,
        left_out=len(run.passed_over) + len(run.stuck),
    )


def _begin(
    plan: Plan,
    transaction: Transaction,
    machine: Machine,
    journal: Journal,
    files: Sequence[FileWrite],
) -> _Run:
    present = {claim.subject: _text(machine, claim.subject) for claim in plan.claims}
    moved = {change.subject: _text(machine, change.subject) for change in plan.moved}
    writes = [
        Write(subject=change.subject, before=present[change.subject], wanted=change.target)
        for change in plan.writes
    ]
    writes += [Write(subject=s, before=text, wanted=None) for s, text in moved.items()]
    claims = [(claim, present[claim.subject]) for claim in plan.claims]
    claims += [(Claim(subject=subject), text) for subject, text in moved.items()]
    return _Run(
        plan=plan,
        machine=machine,
        transaction=journal.begin(transaction, claims, writes, files),
        writes=writes,
        files=files,
        claims={claim.subject: claim for claim in plan.claims},
    )


def _write(machine: Machine, change: Change, claim: Claim) -> Change:
    tunable = catalog.find(change.key)
    present = _value(machine, change.subject)
    # Met anew from what is there at this moment: somebody may have raised it since the plan was
    # made, or another write of this plan has brought it there.
    wanted = meet_all(present, claim.requirements, tunable)
    if present == wanted:
        return replace(change, outcome=Outcome.UNCHANGED, after=shown(change.key, str(present)))
    machine.write(change.subject, written_form(wanted))
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


def _pass_over(run: _Run, change: Change, error: TunekitError) -> None:
    """Put one refused key back, half-written as it may be, and go on."""
    before = next(write.before for write in run.writes if write.subject == change.subject)
    run.stuck.update(restore(run.machine, {change.subject: before}))
    if change.subject not in run.stuck:
        run.passed_over.append(change.subject)
    run.done.append(_left_rejected(run.machine, _rejected(change, error), run.stuck))


def _verify(run: _Run) -> None:
    """Look once more at every value, since a later write may have moved an earlier one."""
    for change in run.done:
        ended = change.subject.scope.is_process and run.machine.text(change.subject) is None
        if change.outcome is Outcome.REJECTED or ended:
            continue
        stored = _value(run.machine, change.subject)
        requirements = run.claims[change.subject].requirements
        if not all_met(stored, requirements, catalog.find(change.key)):
            raise _Failed(
                f"was {change.after} after its write and reads {shown(change.key, str(stored))} at "
                f"the end: another write or another program changed it",
                key=change.key,
                location=change.location,
                hint="see which other setting of the profile moves it (tunekit apply --dry-run)",
            )


def _commit(run: _Run, journal: Journal) -> None:
    after = [
        (write.subject, text)
        for write in run.writes
        if (text := run.machine.text(write.subject)) is not None
    ]
    journal.commit(run.transaction.id, after, released=run.passed_over)


def _value(machine: Machine, subject: Subject) -> SysctlValue:
    return value_of(subject.name, _text(machine, subject))


def _text(machine: Machine, subject: Subject) -> str:
    text = machine.text(subject)
    if text is None:
        raise ReadFailed(
            "cannot be read any more", key=subject.name, hint="see why with tunekit inspect"
        )
    return text


def _rejected(change: Change, error: TunekitError) -> Change:
    return replace(change, outcome=Outcome.REJECTED, detail=error.message, remedy=error.hint)


def _left_rejected(machine: Machine, row: Change, stuck: Mapping[Subject, str]) -> Change:
    """A rejected row with what its key reads once it was put back, or was not."""
    if row.subject in stuck:
        row = replace(row, detail=f"{row.detail}; not put back: {stuck[row.subject]}")
    text = machine.text(row.subject)
    return replace(row, after=None if text is None else shown(row.key, text))


def _what_moved(machine: Machine, plan: Plan) -> list[Change]:
    rows = []
    for change in plan.moved:
        text = machine.text(change.subject)
        after = None if text is None else shown(change.key, text)
        if after != change.before:
            rows.append(replace(change, after=after))
    return rows


def _undo(run: _Run, journal: Journal, error: Exception) -> Applied:
    if not isinstance(error, TunekitError):
        error = TunekitError(str(error), hint="see the kernel log (dmesg)")
    problems = _restore(run.machine, run.writes, run.files)
    try:
        _end(run.machine, journal, run.transaction, problems)
    except StateError as second:
        # The values are back; only the journal does not know, and the next run will find nothing
        # left to undo. What stopped the apply is the news.
        error.hint = f"{error.hint}; the journal did not record the undoing: {second}"
    rows = []
    for change in run.done:
        if change.outcome is Outcome.REJECTED:
            rows.append(_left_rejected(run.machine, change, problems))
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
    for each in run.files:
        why = problems.get(each.subject, "")
        outcome = Outcome.REJECTED if why else Outcome.ROLLED_BACK
        rows.append(filing.row(each, outcome, detail=why, back=True))
    untouched = run.plan.writes[len(run.done) :]
    state = TransactionState.INCOMPLETE if problems else TransactionState.UNDONE
    return Applied(
        transaction=replace(run.transaction, state=state),
        changes=(*rows, *untouched, *run.plan.settled),
        error=error,
        incomplete=problems,
    )


def put_back(
    machine: Machine, journal: Journal, transaction: Transaction, writes: Sequence[Write]
) -> dict[Subject, str]:
    """Give every subject of a transaction its before-value, in reverse order, and end it.

    The half-written are among them, so each is compared with what it reads now, not with what was
    meant to be written. Returns why, for each subject that could not be put back.
    """
    files = [each.write for each in journal.files() if each.transaction == transaction.id]
    problems = _restore(machine, writes, files)
    _end(machine, journal, transaction, problems)
    return problems


def _restore(
    machine: Machine, writes: Sequence[Write], files: Sequence[FileWrite]
) -> dict[Subject, str]:
    # The files first: a power cut in between then leaves what boot did not set.
    problems = filing.undo(files)
    return problems | restore(machine, {write.subject: write.before for write in reversed(writes)})


def _end(
    machine: Machine, journal: Journal, transaction: Transaction, problems: Mapping[Subject, str]
) -> None:
    claimed = [held.subject for held in journal.held(transaction=transaction.id)]
    claimed += [
        each.write.subject for each in journal.files() if each.transaction == transaction.id
    ]
    journal.end(
        transaction.id,
        TransactionState.INCOMPLETE if problems else TransactionState.UNDONE,
        released=[subject for subject in claimed if subject not in problems],
        left=[
            (subject, text)
            for subject in problems
            if not subject.scope.is_file and (text := machine.text(subject)) is not None
        ],
    )
