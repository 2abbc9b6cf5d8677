"""Apply: make a profile so as one transaction under one lock, and prove it."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tunekit import __version__
from tunekit.api import ground as grounds
from tunekit.api import outcome
from tunekit.api.ground import Ground
from tunekit.api.session import Observer, Silent, here, make_plan, summary, take_snapshot, within
from tunekit.engine.apply import Applied, execute
from tunekit.engine.interrupts import Guard
from tunekit.engine.journal import Journal
from tunekit.engine.machine import Machine
from tunekit.engine.model import Outcome, Plan
from tunekit.engine.rollback import recover, roll_back
from tunekit.engine.transaction import Transaction, TransactionState
from tunekit.errors import ExitCode, Interrupted, StateError, TunekitError
from tunekit.kernel.caller import login_uid
from tunekit.kernel.host import HostIdentity
from tunekit.profile.model import Profile
from tunekit.report.model import Report

if TYPE_CHECKING:
    from tunekit.api.proving import ProofReport


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
        on = grounds.chosen(state_dir, ground)
        with on.entered() as (journal, guard):
            for note in _recover_unfinished(journal, on.machine):
                watch.note(note)
            snapshot = take_snapshot(profile, for_writing=True)
            plan = make_plan(profile, snapshot, allow=allow, pids=pids)
            watch.plan(plan)
            if plan.blocked and not keep_going:
                return outcome.blocked(profile, plan, snapshot.host)
            begun = _new_transaction(profile, snapshot.host, command, netns or "")
            applied = _carry_out(plan, begun, on.machine, journal, guard, keep_going=keep_going)
            report = outcome.applied_report(profile, plan, applied, snapshot.host, journal)
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
        return outcome.blocked(profile, plan, snapshot.host)
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
        notes=outcome.notes(profile, plan),
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
            exit_code=outcome.code_for_signal(error.signum),
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
