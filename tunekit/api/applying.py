"""Apply: make a profile so as one transaction under one lock, and prove it."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tunekit.api import ground as grounds
from tunekit.api import outcome
from tunekit.api.beginning import end_other_boots, new_transaction
from tunekit.api.ground import Ground
from tunekit.api.past import unfinished
from tunekit.api.recovering import recover_unfinished
from tunekit.api.session import Observer, Silent, here, make_plan, take_snapshot, within
from tunekit.engine.apply import Applied, execute
from tunekit.engine.interrupts import Guard
from tunekit.engine.journal import Journal
from tunekit.engine.model import Outcome, Plan
from tunekit.engine.rollback import Site, roll_back
from tunekit.engine.store import peek
from tunekit.engine.transaction import Transaction
from tunekit.errors import ExitCode, Interrupted, TunekitError, UsageError
from tunekit.kernel.host import HostIdentity
from tunekit.profile.evaluate import RLIMIT_PREFIX
from tunekit.profile.model import Profile
from tunekit.report.model import Report
from tunekit.values import SysctlKey

if TYPE_CHECKING:
    from tunekit.api.keeping import Draft, Keeping
    from tunekit.api.proving import ProofReport
    from tunekit.engine.filing import Filed, FileWrite


def apply(
    profile: Profile,
    *,
    allow: Collection[str] = (),
    dry_run: bool = False,
    keep_going: bool = False,
    prove: bool = True,
    rollback_on_failure: bool = False,
    pids: Sequence[int] = (),
    keeping: Keeping | None = None,
    netns: str | None = None,
    state_dir: Path | None = None,
    command: str = "",
    observer: Observer | None = None,
    as_user: str = "nobody",
    ground: Ground | None = None,
) -> Report:
    """Make a profile so, as one transaction, and prove it.

    `allow` are keys that can hurt and that the profile allows too; `pids` processes to set the
    profile's limits on; `keeping` makes it last over a reboot, in the same transaction; `command`
    is kept in the journal. The report's exit code tells what happened
    (docs/reference/exit-codes.md): a blocked plan is 3, a failed write that was undone 4, one whose
    undoing failed 5, a failed proof 1 (4 with `rollback_on_failure`), and so is a setting that boot
    will not keep.

    Raises ProfileError for keys that are not allowed, UsageError for a user that there is not,
    and StateError and Locked before anything was written; RecoveryFailed when a transaction that
    died before could not be undone.
    """
    orders = _Orders(
        profile=profile,
        allow=frozenset(allow),
        keep_going=keep_going,
        prove=prove,
        rollback_on_failure=rollback_on_failure,
        pids=tuple(pids),
        netns=netns or "",
        command=command,
        as_user=as_user,
        keeping=keeping,
        watch=observer or Silent(),
    )
    on = grounds.chosen(state_dir, ground)
    if keeping is not None and netns is not None:
        raise UsageError(
            "what boot reads is the host's, not a network namespace's",
            hint="persist without --netns; a namespace's own settings are made where it is made",
        )
    idle = [
        f"--allow {key}"
        for key in allow
        if SysctlKey.parse(key) not in profile.allow
        and not (keeping is not None and key.startswith(RLIMIT_PREFIX))
    ]
    if pids and not profile.limits:
        idle.append("--pid")
    for option in idle:
        orders.watch.note(f"{option} has no effect: {profile.name} has nothing that it is for")
    if dry_run:
        return within(netns, lambda: _preview(orders, on))
    if prove and profile.probe is not None:
        _check_user(as_user)
    return within(netns, lambda: _apply(orders, on))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Orders:
    """What an apply was asked to do."""

    profile: Profile
    allow: frozenset[str]
    keep_going: bool
    prove: bool
    rollback_on_failure: bool
    pids: tuple[int, ...]
    netns: str
    command: str
    as_user: str
    keeping: Keeping | None
    watch: Observer


def _check_user(name: str) -> None:
    """Find out before anything is written that there is nobody to prove it as."""
    if os.geteuid() == 0:
        from tunekit.kernel.process import find_user

        find_user(name)


def _preview(orders: _Orders, on: Ground) -> Report:
    snapshot = take_snapshot(orders.profile, for_writing=True)
    plan = make_plan(orders.profile, snapshot, allow=orders.allow, pids=orders.pids)
    report = outcome.preview(orders.profile, plan, snapshot.host, keep_going=orders.keep_going)
    if orders.keeping is not None:
        with peek(on.state_dir) as journal:
            kept = _draft(orders, journal.files() if journal else (), plan)
        report = _with_boot(report, kept, planned=True)
    return replace(report, notes=(*report.notes, *unfinished(on.state_dir)))


def _apply(orders: _Orders, on: Ground) -> Report:
    report = _transacted(orders, on)
    if report.exit_code not in (ExitCode.OK, ExitCode.NO):
        return report
    from tunekit.api.staleness import remark

    # The lock is free again: looking writes nothing, and may take a second.
    with Guard() as guard:
        text = remark(
            orders.profile, netns=orders.netns, state_dir=on.state_dir, journal_option=on.option
        )
        report = replace(report, verdict=f"{report.verdict}; {text}")
        return outcome.admit_signal(
            report, guard, "a signal came after that, and the change stands"
        )


def _transacted(orders: _Orders, on: Ground) -> Report:
    profile = orders.profile
    with on.entered() as (journal, guard):
        end_other_boots(journal)
        for note in recover_unfinished(journal, on):
            orders.watch.note(note)
        snapshot = take_snapshot(profile, for_writing=True)
        plan = make_plan(profile, snapshot, allow=orders.allow, pids=orders.pids)
        orders.watch.plan(plan)
        if plan.blocked and not orders.keep_going:
            return outcome.blocked(profile, plan, snapshot.host)
        remarks = tuple(dict.fromkeys(outcome.dropped(profile, plan, snapshot.host, journal)))
        kept = _draft(orders, journal.files(), plan)
        files = kept.files if kept else ()
        applied = _carry_out(orders, plan, snapshot.host, on, journal, guard, files)
        report = outcome.applied_report(
            profile, plan, applied, snapshot.host, journal_option=on.option
        )
        report = replace(report, notes=(*report.notes, *remarks))
        report = _with_boot(report, kept)
        if report.exit_code not in (ExitCode.OK, ExitCode.NO):
            return report
        if not orders.prove:
            return outcome.admit_signal(
                report, guard, "a signal came after that, and the change stands"
            )
        report, proved = _prove(report, orders, guard)
        if orders.rollback_on_failure and not proved and report.transaction is not None:
            return _take_back(report, report.transaction, on, journal)
        return report


def _draft(orders: _Orders, claims: Sequence[Filed], plan: Plan) -> Draft | None:
    """The files that make the profile last, where that was asked for."""
    if orders.keeping is None:
        return None
    from tunekit.api.keeping import draft

    return draft(
        orders.profile,
        replace(orders.keeping, allow=orders.allow),
        claims,
        left_out=frozenset(change.key for change in plan.blocked),
    )


def _with_boot(report: Report, kept: Draft | None, *, planned: bool = False) -> Report:
    """Add to a report what boot will make of the files, and the files while they are planned."""
    if kept is None:
        return report
    from tunekit.api.persisting import conclude, with_texts

    return conclude(with_texts(report, kept) if planned else report, kept)


def _carry_out(
    orders: _Orders,
    plan: Plan,
    host: HostIdentity,
    on: Ground,
    journal: Journal,
    guard: Guard,
    files: Sequence[FileWrite],
) -> Applied:
    begun = new_transaction(
        orders.profile, host, command=orders.command, netns=orders.netns, allow=orders.allow
    )
    if plan.writes or files or _new_claims(plan, begun, journal):
        applied = execute(
            plan,
            begun,
            machine=on.machine,
            journal=journal,
            guard=guard,
            keep_going=orders.keep_going,
            files=files,
        )
    else:
        applied = Applied(transaction=begun, changes=plan.settled)
    return replace(
        applied,
        changes=(*applied.changes, *plan.blocked),
        left_out=applied.left_out + len(plan.blocked),
    )


def _new_claims(plan: Plan, begun: Transaction, journal: Journal) -> bool:
    """Tell whether the plan claims anything that its profile does not claim already.

    What another profile claims goes when that one is rolled back.
    """
    own = {each.id for each in journal.transactions() if each.path == begun.path}
    return any(
        claim.requirements
        not in [
            held.requirements for held in journal.held(claim.subject) if held.transaction in own
        ]
        for claim in plan.claims
    )


def _prove(report: Report, orders: _Orders, guard: Guard) -> tuple[Report, bool]:
    """Add the proof to a report; tells whether it held. An interrupted one is neither."""
    from tunekit.api.proving import prove_profile

    try:
        with guard.raising():
            proof: ProofReport = prove_profile(
                orders.profile, observer=orders.watch, as_user=orders.as_user
            )
    except Interrupted as error:
        stands = replace(
            report,
            exit_code=error.exit_code,
            errors=(error,),
            verdict=f"{report.verdict}; the change stands, its proof was interrupted",
        )
        return stands, True
    except Exception as error:
        # Whatever broke in the proof, the change is there and the report must say so.
        failure = error if isinstance(error, TunekitError) else _broken(error)
        failed = replace(
            report,
            exit_code=ExitCode.NO,
            errors=(*report.errors, failure),
            verdict=f"{report.verdict}; the proof could not be made: {failure.message}",
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


def _broken(error: Exception) -> TunekitError:
    return TunekitError(
        f"{type(error).__name__}: {error}",
        hint="try `tunekit verify` by itself, with --verbose, and report what it says",
    )


def _take_back(report: Report, transaction: Transaction, on: Ground, journal: Journal) -> Report:
    site = Site(machine=on.machine, journal=journal, host=here())
    undone = roll_back(journal.transaction(transaction.id), site)
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
