"""A report as cases that went well or did not: what the outputs for other tools are made of.

JUnit, TAP, annotations, metrics and SARIF know cases only. Every report becomes at least one, and
one of them fails exactly when the command does not exit with 0, so that no reader of an output
believes something else than the exit code says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from tunekit.check.model import Finding, Status
from tunekit.check.policy import Policy
from tunekit.errors import ExitCode, Location, TunekitError
from tunekit.records import dataclass
from tunekit.report.escape import cell, visible
from tunekit.report.model import Report

if TYPE_CHECKING:
    from tunekit.engine.model import Change


class Verdict(Enum):
    """How a case counts."""

    GOOD = "good"
    REMARK = "remark"
    """Something to know that fails nothing."""
    BAD = "bad"
    UNTOLD = "untold"
    """It could not be told, and that fails too."""
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing that was looked at. Every text is printable and on one line.

    `group` and `name` say what it is about, `word` how it was judged, `message` what was found in
    one line. `details` are labelled texts: what was expected and observed, why it matters, what
    mends it.
    """

    group: str
    name: str
    verdict: Verdict
    word: str
    message: str
    details: tuple[tuple[str, str], ...] = ()
    remedy: str = ""
    location: Location | None = None

    @property
    def fails(self) -> bool:
        """Tell whether the case keeps the command from exiting with 0."""
        return self.verdict in (Verdict.BAD, Verdict.UNTOLD)

    @property
    def text(self) -> str:
        """Every detail, one a line."""
        return "\n".join(f"{label}: {text}" for label, text in self.details)


def cases(report: Report) -> tuple[Case, ...]:
    """Turn a report into cases, in its own order; errors come last."""
    policy = Policy(report.data.get("policy", Policy.DEFAULT.value))
    rows = [_of_finding(finding, policy) for finding in report.findings]
    if not rows:
        rows = [_of_change(change) for change in report.changes]
    rows += [_of_error(error) for error in report.errors]
    went_well = report.exit_code is ExitCode.OK
    if went_well:
        # A load that was forced past a forecast and carried has failed nothing.
        rows = [replace(row, verdict=Verdict.REMARK) if row.fails else row for row in rows]
    elif not any(row.fails for row in rows):
        rows.append(_of_report(report))
    return tuple(rows) or (_of_report(report),)


def subject_of(report: Report) -> str:
    """What a report is about, on one line: the command, and the profile if there is one."""
    name = f" {report.profile.name}" if report.profile else ""
    return visible(f"tunekit {report.command}{name}")


def _of_finding(finding: Finding, policy: Policy) -> Case:
    verdict = _VERDICTS[finding.status]
    if finding.status is Status.UNKNOWN and not policy.stops_at(Status.UNKNOWN):
        verdict = Verdict.LEFT_OUT
    elif finding.status is Status.WARN and policy.stops_at(Status.WARN):
        verdict = Verdict.BAD
    fields = {
        "expected": cell(finding.expected),
        "observed": cell(finding.observed),
        "why": visible(finding.reason),
        "remedy": visible(finding.remedy),
        "waiver": visible(finding.waiver),
    }
    seen = _joined(
        f"{label} {fields[label]}" for label in ("expected", "observed") if fields[label]
    )
    return Case(
        group=visible(finding.check),
        name=cell(finding.subject or finding.check),
        verdict=verdict,
        word=finding.status.value,
        message=_joined((fields["waiver"], seen)) or finding.status.value,
        details=_filled(fields, finding.location),
        remedy=fields["remedy"],
        location=finding.location,
    )


_VERDICTS = {
    Status.PASS: Verdict.GOOD,
    Status.WARN: Verdict.REMARK,
    Status.FAIL: Verdict.BAD,
    Status.SKIP: Verdict.LEFT_OUT,
    Status.UNKNOWN: Verdict.UNTOLD,
    Status.WAIVED: Verdict.LEFT_OUT,
}


def _of_change(change: Change) -> Case:
    from tunekit.engine.model import Outcome

    verdict = Verdict.GOOD
    if change.outcome in (Outcome.REJECTED, Outcome.DENIED, Outcome.REFUSED):
        verdict = Verdict.BAD
    elif change.outcome in (Outcome.UNSUPPORTED, Outcome.ELSEWHERE):
        verdict = Verdict.LEFT_OUT if change.optional else Verdict.BAD
    fields = {
        "before": cell(change.before or ""),
        "wanted": cell(change.wanted or ""),
        "after": cell(change.after or ""),
        "detail": visible(change.detail),
        "why": visible(change.reason),
        "remedy": visible(change.remedy),
    }
    seen = (f"{label} {fields[label]}" for label in ("before", "after") if fields[label])
    return Case(
        group="change",
        name=cell(change.key),
        verdict=verdict,
        word=change.outcome.value,
        message=_joined((change.outcome.value, fields["detail"], *seen)),
        details=_filled(fields, change.location),
        remedy=fields["remedy"],
        location=change.location,
    )


def _of_error(error: TunekitError) -> Case:
    place = "" if error.location else error.path
    message = visible(": ".join(part for part in (place, error.message) if part))
    fields = {"error": message, "remedy": visible(error.hint)}
    return Case(
        group="error",
        name=cell(error.key or type(error).__name__),
        verdict=Verdict.BAD,
        word="error",
        message=message,
        details=_filled(fields, error.location),
        remedy=fields["remedy"],
        location=error.location,
    )


def _of_report(report: Report) -> Case:
    good = report.exit_code is ExitCode.OK
    message = visible(report.verdict) or ("done" if good else f"exit code {report.exit_code:d}")
    return Case(
        group="command",
        name=visible(report.command) or "tunekit",
        verdict=Verdict.GOOD if good else Verdict.BAD,
        word="done" if good else "failed",
        message=message,
        details=_filled({"verdict": message, "next": visible(report.next_step)}, None),
    )


def _filled(fields: dict[str, str], location: Location | None) -> tuple[tuple[str, str], ...]:
    place = {"at": visible(str(location))} if location else {}
    return tuple((label, text) for label, text in {**fields, **place}.items() if text)


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(part for part in parts if part)
