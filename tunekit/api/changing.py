"""Changing the host: apply and rollback, each one transaction under one lock."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tunekit import __version__
from tunekit.api.session import (
    Observer,
    Silent,
    here,
    make_plan,
    summary,
    take_snapshot,
    within,
)
from tunekit.engine import lock
from tunekit.engine.apply import Applied, execute
from tunekit.engine.interrupts import Guard
from tunekit.engine.journal import STATE_DIR, Journal, opened, peek
from tunekit.engine.machine import Machine
from tunekit.engine.model import (
    Outcome,
    Plan,
    Transaction,
    TransactionState,
)
from tunekit.engine.rollback import RolledBack, recover, roll_back
from tunekit.engine.scope import host_scope, netns_scope
from tunekit.errors import (
    ExitCode,
    Interrupted,
    PlanBlocked,
    StateError,
    TunekitError,
    UnknownTransaction,
)
from tunekit.kernel.caller import login_uid
from tunekit.kernel.host import HostIdentity
from tunekit.profile.model import Profile
from tunekit.report.model import Report

if TYPE_CHECKING:
    from tunekit.api.proving import ProofReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where a transaction is done. Tests give a machine and folders of their own."""

    machine: Machine
    state_dir: Path
    run_dir: Path

    @contextmanager
    def entered(self) -> Iterator[tuple[Journal, Guard]]:
        """Hold the lock, the journal and the signals."""
        with lock.held(self.run_dir), opened(self.state_dir) as journal, Guard() as guard:
            yield journal, guard


def _ground(state_dir: Path | None, ground: Ground | None) -> Ground:
    return ground or Ground(
        machine=Machine(), state_dir=state_dir or STATE_DIR, run_dir=lock.RUN_DIR
    )


def apply(
    profile: Profile,
    *,
    allow: Collection[str] = (),
    dry_run: bool = False,
    keep_going: bool = False,
    prove: bool = True,
    rollback_on_failure: bool = False,
    pids: Sequence[int] = (),
    netns: str | None = None,
    state_dir: Path | None = None,
    command: str = "",
    observer: Observer | None = None,
    as_user: str = "nobody",
    ground: Ground | None = None,
) -> Report:
    """Make a profile so, as one transaction, and prove it.

    `allow` are keys that can hurt and that the profile allows too; `pids` processes to set the
    profile's limits on; `command` is kept in the journal. The report's exit code tells what
    happened (docs/reference/exit-codes.md): a blocked plan is 3, a failed write that was undone
    4, one whose undoing failed 5, a failed proof 1 (4 with `rollback_on_failure`).

    Raises ProfileError for keys that are not allowed, StateError and Locked before anything was
    written.
    """
    watch = observer or Silent()

    def operation() -> Report:
        if dry_run:
            return _preview(profile, allow, pids)
        on = _ground(state_dir, ground)
        with on.entered() as (journal, guard):
            for note in _recover_unfinished(journal, on.machine):
                watch.note(note)
            snapshot = take_snapshot(profile, for_writing=True)
            plan = make_plan(profile, snapshot, allow=allow, pids=pids)
            watch.plan(plan)
            if plan.blocked and not keep_going:
                return _blocked(profile, plan, snapshot.host)
            begun = _new_transaction(profile, snapshot.host, command, netns or "")
            applied = _carry_out(plan, begun, on.machine, journal, guard, keep_going=keep_going)
            report = _applied_report(profile, plan, applied, snapshot.host, journal)
            if not prove or report.exit_code not in (ExitCode.OK, ExitCode.NO):
                return report
            report, proved = _prove(report, profile, guard, watch, as_user)
            if rollback_on_failure and not proved and report.transaction is not None:
                return _take_back(report, report.transaction, on.machine, journal)
            return report

    return within(netns, operation)


def _preview(profile: Profile, allow: Collection[str], pids: Sequence[int]) -> Report:
    snapshot = take_snapshot(profile, for_writing=True)
    plan = make_plan(profile, snapshot, allow=allow, pids=pids)
    if plan.blocked:
        return _blocked(profile, plan, snapshot.host)
    count = len(plan.writes)
    return Report(
        command="apply",
        verdict=f"would write {count} of {len(plan.writes) + len(plan.settled)} settings"
        if count
        else f"in line with {profile.name}: nothing to write",
        next_step="nothing was written: run again without --dry-run" if count else "",
        host=snapshot.host,
        profile=summary(profile),
        changes=(*plan.writes, *plan.moved, *plan.settled),
        notes=_notes(profile, plan),
    )


def _notes(profile: Profile, plan: Plan) -> tuple[str, ...]:
    loads = (f"{key}: loads the kernel module {name}" for key, name in plan.modules.items())
    return (*profile.warnings, *plan.warnings, *loads)


def _blocked(profile: Profile, plan: Plan, host: HostIdentity) -> Report:
    errors = tuple(
        PlanBlocked(row.detail, key=row.key, hint=row.remedy, location=row.location)
        for row in plan.blocked
    )
    return Report(
        command="apply",
        exit_code=ExitCode.IMPOSSIBLE,
        verdict=f"nothing was written: {_settings(len(errors))} cannot be met here",
        next_step="mend them, make them `optional: true`, or apply the rest with --keep-going",
        host=host,
        profile=summary(profile),
        changes=(*plan.blocked, *plan.writes, *plan.settled),
        errors=errors,
        notes=_notes(profile, plan),
    )


def _new_transaction(profile: Profile, host: HostIdentity, command: str, netns: str) -> Transaction:
    return Transaction(
        id=0,
        state=TransactionState.BEGUN,
        profile=profile.name,
        path=profile.path,
        started=time.time(),
        boot_id=host.boot_id,
        kernel=host.kernel,
        uid=os.getuid(),
        loginuid=login_uid(),
        command=command,
        version=__version__,
        netns=netns,
        cookie=host.netns_cookie,
    )


def _carry_out(
    plan: Plan,
    begun: Transaction,
    machine: Machine,
    journal: Journal,
    guard: Guard,
    *,
    keep_going: bool,
) -> Applied:
    if not plan.writes and not _new_claims(plan, journal):
        return Applied(transaction=begun, changes=(*plan.blocked, *plan.settled))
    applied = execute(
        plan, begun, machine=machine, journal=journal, guard=guard, keep_going=keep_going
    )
    return replace(
        applied,
        changes=(*applied.changes, *plan.blocked),
        left_out=applied.left_out + len(plan.blocked),
    )


def _new_claims(plan: Plan, journal: Journal) -> bool:
    """Tell whether the plan claims anything that the journal does not hold already."""
    return any(
        claim.requirements not in [held.requirements for held in journal.held(claim.subject)]
        for claim in plan.claims
    )


def _applied_report(
    profile: Profile, plan: Plan, applied: Applied, host: HostIdentity, journal: Journal
) -> Report:
    report = Report(
        command="apply",
        host=host,
        profile=summary(profile),
        transaction=applied.transaction if applied.transaction.id else None,
        changes=applied.changes,
        notes=(*_notes(profile, plan), *_dropped(profile, plan, applied, host, journal)),
    )
    if applied.error is not None:
        return _undone_report(report, applied)
    written = [
        change
        for change in applied.changes
        if change.outcome in (Outcome.APPLIED, Outcome.ADJUSTED)
    ]
    number = applied.transaction.id
    if not number:
        return replace(report, verdict=f"in line with {profile.name} already: nothing was written")
    verdict = (
        f"{_settings(len(written))} written and read back"
        if written
        else "every setting held already; they are now claimed"
    )
    left_out = f", {applied.left_out} left out" if applied.left_out else ""
    return replace(
        report,
        exit_code=ExitCode.NO if applied.left_out else ExitCode.OK,
        changed=bool(written),
        verdict=f"transaction {number}: {verdict}{left_out}",
        next_step=f"undo with: tunekit rollback {number}",
    )


def _undone_report(report: Report, applied: Applied) -> Report:
    error = applied.error
    assert error is not None
    number = applied.transaction.id
    if applied.incomplete:
        names = ", ".join(subject.name for subject, _ in applied.incomplete)
        return replace(
            report,
            exit_code=ExitCode.INCOMPLETE,
            changed=True,
            errors=(error,),
            verdict=f"transaction {number} failed, and these could not be put back: {names}",
            next_step=f"try again with: tunekit rollback {number}",
        )
    if isinstance(error, Interrupted):
        return replace(
            report,
            exit_code=code_for_signal(error.signum),
            errors=(error,),
            verdict=f"interrupted: transaction {number} was undone",
        )
    return replace(
        report,
        exit_code=ExitCode.ROLLED_BACK,
        errors=(error,),
        verdict=f"transaction {number} failed and everything was rolled back",
    )


def _settings(count: int) -> str:
    return f"{count} setting" if count == 1 else f"{count} settings"


def code_for_signal(signum: int) -> ExitCode:
    """130 for the keyboard's signals, 143 for the others."""
    keyboard = (signal.SIGINT, signal.SIGQUIT)
    return ExitCode.INTERRUPTED if signum in keyboard else ExitCode.TERMINATED


def _dropped(
    profile: Profile, plan: Plan, applied: Applied, host: HostIdentity, journal: Journal
) -> tuple[str, ...]:
    """Name what the profile claimed before and does not any more."""
    numbers = {
        transaction.id
        for transaction in journal.transactions()
        if transaction.profile == profile.name and transaction.id != applied.transaction.id
    }
    rows = (*plan.writes, *plan.moved, *plan.settled, *plan.blocked)
    wanted = {change.subject for change in rows}
    notes = []
    for held in journal.held():
        if held.transaction not in numbers or not held.requirements:
            continue
        if held.subject.scope not in (host_scope(host), netns_scope(host)):
            continue
        if held.subject not in wanted:
            notes.append(
                f"{held.subject.name} is no longer in {profile.name}, but transaction "
                f"{held.transaction} still holds it: release it with `tunekit rollback "
                f"{held.transaction}`, then apply again"
            )
    return tuple(dict.fromkeys(notes))


def _prove(
    report: Report, profile: Profile, guard: Guard, observer: Observer, as_user: str
) -> tuple[Report, bool]:
    """Add the proof to a report; tells whether it held. An interrupted one is neither."""
    from tunekit.api.proving import prove_profile

    try:
        with guard.raising():
            proof: ProofReport = prove_profile(profile, observer=observer, as_user=as_user)
    except Interrupted as error:
        stands = replace(
            report,
            exit_code=code_for_signal(error.signum),
            errors=(error,),
            verdict=f"{report.verdict}; the change stands, its proof was interrupted",
        )
        return stands, True
    except TunekitError as error:
        failed = replace(
            report,
            exit_code=ExitCode.NO,
            errors=(*report.errors, error),
            verdict=f"{report.verdict}; the proof could not be made: {error.message}",
        )
        return failed, False
    proved = replace(
        report,
        exit_code=report.exit_code if proof.ok else ExitCode.NO,
        findings=(*report.findings, *proof.findings),
        measurements=(*report.measurements, *proof.measurements),
        notes=(*report.notes, *proof.notes),
        verdict="; ".join(filter(None, (report.verdict, proof.verdict))),
    )
    return proved, proof.ok


def _take_back(
    report: Report, transaction: Transaction, machine: Machine, journal: Journal
) -> Report:
    undone = roll_back(
        journal.transaction(transaction.id), machine=machine, journal=journal, host=here()
    )
    code = ExitCode.INCOMPLETE if undone.incomplete else ExitCode.ROLLED_BACK
    return replace(
        report,
        exit_code=code,
        changed=bool(undone.incomplete),
        transaction=undone.transaction,
        changes=(*undone.changes, *(c for c in report.changes if c.outcome is Outcome.UNCHANGED)),
        verdict=f"the proof failed and transaction {transaction.id} was rolled back; "
        f"{report.verdict}",
        next_step="",
    )


def _recover_unfinished(journal: Journal, machine: Machine) -> Iterator[str]:
    """Undo what a run that died has left, before anything new begins."""
    host = here()
    for transaction in journal.transactions():
        if transaction.state is not TransactionState.BEGUN:
            continue
        undone = recover(transaction, machine=machine, journal=journal, host=host)
        if undone.incomplete:
            names = ", ".join(
                change.key for change in undone.changes if change.outcome is Outcome.REJECTED
            )
            raise StateError(
                f"the unfinished transaction {transaction.id} could not be undone: {names}",
                hint=f"see why with `tunekit rollback {transaction.id}`",
            )
        yield f"undid the unfinished transaction {transaction.id} ({transaction.profile})"


def rollback(
    transaction: int | None = None,
    *,
    force: bool = False,
    netns: str | None = None,
    state_dir: Path | None = None,
    command: str = "",
    observer: Observer | None = None,
    ground: Ground | None = None,
) -> Report:
    """Undo a transaction: the given one, else the unfinished one, else the last.

    A key that somebody else changed since is left alone and named, unless `force`; the exit code
    is 5 then. Without `netns` it goes to the network namespace where the transaction was made.

    Raises UnknownTransaction when there is none to undo.
    """
    folder = _ground(state_dir, ground).state_dir
    with peek(folder) as journal:
        chosen = _choose(journal, transaction, folder)

    def operation() -> Report:
        on = _ground(state_dir, ground)
        with on.entered() as (journal, _guard):
            target = journal.transaction(chosen.id)
            host = here()
            undone = roll_back(target, machine=on.machine, journal=journal, host=host, force=force)
            return _rollback_report(undone, host)

    return within(netns or _namespace_of(chosen), operation)


def _choose(journal: Journal | None, number: int | None, folder: Path) -> Transaction:
    if journal is not None and number is not None:
        chosen = journal.transaction(number)
        if chosen.state in (TransactionState.ROLLED_BACK, TransactionState.UNDONE):
            raise UnknownTransaction(
                f"transaction {number} has been undone already",
                hint="`tunekit history` shows which are in force",
            )
        return chosen
    boot = here().boot_id
    everything = journal.transactions() if journal is not None else []
    for states in (
        (TransactionState.BEGUN,),
        (TransactionState.APPLIED, TransactionState.INCOMPLETE),
    ):
        standing = [
            transaction
            for transaction in everything
            if transaction.state in states and transaction.boot_id == boot
        ]
        if standing:
            return standing[-1]
    raise UnknownTransaction(
        "no transaction to undo" if number is None else f"no transaction {number} in the journal",
        path=str(folder),
        hint="`tunekit history` lists them; a transaction ends with the boot that it was made in",
    )


def _namespace_of(transaction: Transaction) -> str | None:
    """The namespace to enter for a transaction: the one it was given, unless this is it."""
    host = here()
    if transaction.boot_id != host.boot_id or transaction.cookie == host.netns_cookie:
        return None
    return transaction.netns or None


def _rollback_report(undone: RolledBack, host: HostIdentity) -> Report:
    number = undone.transaction.id
    put_back = [change for change in undone.changes if change.outcome is Outcome.ROLLED_BACK]
    report = Report(
        command="rollback",
        changed=bool(put_back),
        host=host,
        transaction=undone.transaction,
        changes=undone.changes,
    )
    if not undone.incomplete:
        return replace(
            report,
            verdict=f"transaction {number} is undone: {_settings(len(put_back))} put back",
        )
    kept = [c for c in undone.changes if c.outcome in (Outcome.REFUSED, Outcome.REJECTED)]
    return replace(
        report,
        exit_code=ExitCode.INCOMPLETE,
        verdict=f"transaction {number} is undone but for {', '.join(c.key for c in kept)}",
        next_step=f"to override what others changed: tunekit rollback {number} --force",
    )
