"""A profile against the running kernel, for `inspect`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from tunekit import catalog
from tunekit.api.session import make_plan, summary, take_snapshot
from tunekit.check.model import Finding, Status
from tunekit.engine.model import Change, Outcome
from tunekit.errors import ExitCode
from tunekit.kernel.readings import Value
from tunekit.profile.evaluate import RLIMIT_PREFIX, SECRET, value_of
from tunekit.profile.find import spelling
from tunekit.profile.limits import limit_text, wanted_limit
from tunekit.report.model import Report

if TYPE_CHECKING:
    from tunekit.kernel.snapshot import Snapshot
    from tunekit.profile.model import Limit, Profile


def compare(profile: Profile) -> Report:
    """Compare every setting and limit of a profile with what runs here. Writes nothing."""
    snapshot = take_snapshot(profile, for_writing=False)
    allow = [str(key) for key in profile.allow]
    planned = make_plan(profile, snapshot, allow=allow)
    rows = {change.key: change for change in (*planned.writes, *planned.settled, *planned.blocked)}
    ordered = [rows[str(setting.key)] for setting in profile.settings]
    findings = [_judge(change) for change in ordered]
    findings += [_judge_limit(limit, snapshot, spelling(profile.path)) for limit in profile.limits]
    count = Counter(finding.status for finding in findings)
    drift, unknown = count[Status.FAIL], count[Status.UNKNOWN]
    code = ExitCode.IMPOSSIBLE if unknown else ExitCode.NO if drift else ExitCode.OK
    return Report(
        command="inspect",
        exit_code=code,
        verdict=_sentence(profile, count),
        next_step=f"make it so: tunekit apply {spelling(profile.path)}{_allowing(profile)}"
        if drift
        else "",
        host=snapshot.host,
        profile=summary(profile),
        changes=tuple(change for change in ordered if change.outcome is Outcome.PLANNED),
        findings=tuple(findings),
        notes=profile.warnings,
    )


def _allowing(profile: Profile) -> str:
    return "".join(f" --allow {key}" for key in sorted(map(str, profile.allow)))


def _sentence(profile: Profile, count: Counter[Status]) -> str:
    rest = "".join(
        f", {count[status]} {what}"
        for status, what in (
            (Status.UNKNOWN, "cannot be told"),
            (Status.WARN, "short for a process started here"),
            (Status.SKIP, "not for this host"),
        )
        if count[status]
    )
    if not count[Status.FAIL] and not count[Status.UNKNOWN]:
        return f"in line with {profile.name}: {count[Status.PASS]} settings hold{rest}"
    return f"{count[Status.FAIL]} of {count.total()} settings differ from {profile.name}{rest}"


def _judge(change: Change) -> Finding:
    status = Status.PASS
    observed = change.before or change.detail
    if change.outcome in (Outcome.PLANNED, Outcome.UNCHANGED):
        if not _holds(change):
            status = Status.FAIL
    elif change.optional:
        status = Status.SKIP
    elif change.outcome is Outcome.ELSEWHERE and change.before is not None:
        # Shown here, set on the host: what it is can be told, and it is not what is wanted.
        status = Status.FAIL
    elif change.outcome is Outcome.REJECTED:
        status, observed = Status.FAIL, f"{change.before}: {change.detail}"
    else:
        status = Status.UNKNOWN
    remedy = change.remedy
    return Finding(
        check="sysctl",
        status=status,
        subject=change.key,
        expected=change.wanted or change.requirement,
        observed=observed,
        reason=change.reason,
        remedy=remedy,
        location=change.location,
    )


def _holds(change: Change) -> bool:
    if change.outcome is Outcome.UNCHANGED:
        return True
    if change.before in (None, SECRET) or change.wanted is None:
        # A secret that would be written is another one, whatever both look like here.
        return False
    # One that holds now and would be written again after a write that resets it.
    return value_of(change.key, str(change.before)) == value_of(change.key, change.wanted)


def _judge_limit(limit: Limit, snapshot: Snapshot, profile: str) -> Finding:
    name = RLIMIT_PREFIX + limit.name
    reading = snapshot.limits[limit.name]
    tunable = catalog.find(name)
    row = Finding(
        check="limit",
        status=Status.UNKNOWN,
        subject=name,
        expected=limit_text(limit),
        reason=limit.reason or (tunable.summary if tunable else ""),
        location=limit.location,
    )
    if not isinstance(reading, Value):
        return replace(row, observed="cannot be read")
    value = value_of(name, reading.text)
    if value == wanted_limit(reading.text, limit):
        return replace(row, status=Status.PASS, observed=reading.text)
    # No sysctl changes it: a warning, since it says what a process started from here would get.
    return replace(
        row,
        status=Status.WARN,
        observed=reading.text,
        remedy=f"tunekit run {profile} -- COMMAND",
    )
