"""What an apply came to, as a report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tunekit.api.session import summary
from tunekit.engine.apply import Applied
from tunekit.engine.interrupts import Guard
from tunekit.engine.journal import Journal
from tunekit.engine.model import Change, Outcome, Plan
from tunekit.engine.scope import host_scope, netns_scope
from tunekit.errors import ExitCode, Interrupted, PlanBlocked
from tunekit.kernel.host import HostIdentity
from tunekit.profile.model import Profile
from tunekit.report.model import Report


def preview(profile: Profile, plan: Plan, host: HostIdentity, *, keep_going: bool) -> Report:
    """What an apply would do. Nothing was written."""
    if plan.blocked and not keep_going:
        return blocked(profile, plan, host)
    count = len(plan.writes)
    total = count + len(plan.settled) + len(plan.blocked)
    left_out = f", {len(plan.blocked)} left out" if plan.blocked else ""
    return Report(
        command="apply",
        exit_code=ExitCode.NO if plan.blocked else ExitCode.OK,
        verdict=f"would write {count} of {settings(total)}{left_out}"
        if count or left_out
        else f"in line with {profile.name}: nothing to write",
        next_step="nothing was written: run again without --dry-run" if count else "",
        host=host,
        profile=summary(profile),
        changes=(*plan.writes, *plan.moved, *plan.settled, *plan.blocked),
        notes=notes(profile, plan),
    )


def blocked(profile: Profile, plan: Plan, host: HostIdentity) -> Report:
    """A plan that stopped as a whole, with an error for each setting that cannot be met."""
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
    profile: Profile,
    plan: Plan,
    applied: Applied,
    host: HostIdentity,
    *,
    journal_option: str = "",
) -> Report:
    """What was written, or why everything was undone.

    `journal_option` is what a rollback must be told to find the journal.
    """
    number = applied.transaction.id
    report = Report(
        command="apply",
        host=host,
        profile=summary(profile),
        transaction=applied.transaction if number else None,
        changes=applied.changes,
        notes=notes(profile, plan),
    )
    if applied.error is not None:
        return _undone(report, applied, applied.error, journal_option)
    written = amount(applied.changes, Outcome.APPLIED, Outcome.ADJUSTED)
    left_out = f", {applied.left_out} left out" if applied.left_out else ""
    if applied.incomplete:
        names = ", ".join(subject.name for subject in applied.incomplete)
        left_out += f"; half-written and not put back: {names}"
    code = ExitCode.NO if applied.left_out else ExitCode.OK
    report = replace(report, exit_code=ExitCode.INCOMPLETE if applied.incomplete else code)
    if not number:
        verdict = f"in line with {profile.name} already: nothing was written{left_out}"
        return replace(report, verdict=verdict)
    verdict = "every setting held already; they are now claimed"
    if written:
        verdict = f"{written} written and read back"
    return replace(
        report,
        changed=bool(written or applied.incomplete),
        verdict=f"transaction {number}: {verdict}{left_out}",
        next_step=f"undo with: tunekit rollback {number}{journal_option}",
    )


def _undone(report: Report, applied: Applied, error: Exception, journal_option: str) -> Report:
    number = applied.transaction.id
    report = replace(report, errors=(applied.error,) if applied.error else ())
    if applied.incomplete:
        names = ", ".join(subject.name for subject in applied.incomplete)
        return replace(
            report,
            exit_code=ExitCode.INCOMPLETE,
            changed=True,
            verdict=f"transaction {number} failed, and these could not be put back: {names}",
            next_step=f"try again with: tunekit rollback {number}{journal_option}",
        )
    if isinstance(error, Interrupted):
        return replace(
            report,
            exit_code=error.exit_code,
            verdict=f"interrupted: transaction {number} was undone",
        )
    return replace(
        report,
        exit_code=ExitCode.ROLLED_BACK,
        verdict=f"transaction {number} failed and everything was rolled back",
    )


def dropped(profile: Profile, plan: Plan, host: HostIdentity, journal: Journal) -> Iterator[str]:
    """Name what the profile claimed before and does not any more, once for each transaction."""
    before = {each.id for each in journal.transactions() if each.profile == profile.name}
    rows = (*plan.writes, *plan.moved, *plan.settled, *plan.blocked)
    wanted = {change.subject for change in rows}
    here = (host_scope(host), netns_scope(host))
    for held in journal.held():
        subject = held.subject
        if held.transaction in before and held.requirements and subject.scope in here:
            if subject in wanted:
                continue
            yield (
                f"{subject.name} is no longer in {profile.name}, but transaction "
                f"{held.transaction} still holds it: release it with `tunekit rollback "
                f"{held.transaction}`, then apply again"
            )


def notes(profile: Profile, plan: Plan) -> tuple[str, ...]:
    """The remarks of the profile's loader and of the plan."""
    loads = (f"{key}: loads the kernel module {name}" for key, name in plan.modules.items())
    return (*profile.warnings, *plan.warnings, *loads)


def amount(changes: Iterable[Change], *outcomes: Outcome) -> str:
    """How many settings and files had one of the outcomes, in words; empty for none."""
    found = [change for change in changes if change.outcome in outcomes]
    files = sum(change.subject.scope.is_file for change in found)
    parts = [settings(len(found) - files)] if len(found) > files else []
    if files:
        parts.append("1 file" if files == 1 else f"{files} files")
    return " and ".join(parts)


def settings(count: int) -> str:
    """A number of settings, in words."""
    return f"{count} setting" if count == 1 else f"{count} settings"


def admit_signal(report: Report, guard: Guard, what: str) -> Report:
    """Say in a report that a signal came when it was too late to undo, and what became of it."""
    if guard.pending is None:
        return report
    error = Interrupted(guard.pending)
    return replace(
        report,
        exit_code=error.exit_code,
        errors=(error,),
        verdict=f"{report.verdict}; {what}",
    )
