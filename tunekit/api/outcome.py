"""What an apply came to, as a report."""

from __future__ import annotations

import signal
from dataclasses import replace

from tunekit.api.session import summary
from tunekit.engine.apply import Applied
from tunekit.engine.journal import Journal
from tunekit.engine.model import Outcome, Plan
from tunekit.engine.scope import host_scope, netns_scope
from tunekit.errors import ExitCode, Interrupted, PlanBlocked
from tunekit.kernel.host import HostIdentity
from tunekit.profile.model import Profile
from tunekit.report.model import Report


def blocked(profile: Profile, plan: Plan, host: HostIdentity) -> Report:
    errors = tuple(
        PlanBlocked(row.detail, key=row.key, hint=row.remedy, location=row.location)
        for row in plan.blocked
    )
    return Report(
        command="apply",
        exit_code=ExitCode.IMPOSSIBLE,
        verdict=f"nothing was written: {settings(len(errors))} cannot be met here",
        next_step="mend them, make them `optional: true`, or apply the rest with --keep-going",
        host=host,
        profile=summary(profile),
        changes=(*plan.blocked, *plan.writes, *plan.settled),
        errors=errors,
        notes=notes(profile, plan),
    )


def applied_report(
    profile: Profile, plan: Plan, applied: Applied, host: HostIdentity, journal: Journal
) -> Report:
    report = Report(
        command="apply",
        host=host,
        profile=summary(profile),
        transaction=applied.transaction if applied.transaction.id else None,
        changes=applied.changes,
        notes=(*notes(profile, plan), *_dropped(profile, plan, applied, host, journal)),
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
        f"{settings(len(written))} written and read back"
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


def notes(profile: Profile, plan: Plan) -> tuple[str, ...]:
    loads = (f"{key}: loads the kernel module {name}" for key, name in plan.modules.items())
    return (*profile.warnings, *plan.warnings, *loads)


def settings(count: int) -> str:
    return f"{count} setting" if count == 1 else f"{count} settings"


def code_for_signal(signum: int) -> ExitCode:
    """130 for the keyboard's signals, 143 for the others."""
    keyboard = (signal.SIGINT, signal.SIGQUIT)
    return ExitCode.INTERRUPTED if signum in keyboard else ExitCode.TERMINATED
