"""Annotations of GitHub Actions: workflow commands that point at the profile's lines.

The form and its escapes are those of the runner's own parser (ActionCommand.cs in actions/runner).
GitHub shows ten errors and ten warnings of a step at most.
"""

from __future__ import annotations

from tunekit.report.cases import Case, Verdict, cases, subject_of
from tunekit.report.escape import visible
from tunekit.report.model import Report

_LEVELS = {
    Verdict.BAD: "error",
    Verdict.UNTOLD: "error",
    Verdict.REMARK: "warning",
}


def render_github(report: Report) -> str:
    """Write a report as workflow commands: one for each case that is not in order."""
    lines = [_line(row) for row in cases(report) if _is_told(row)]
    if report.verdict:
        title = _property(subject_of(report))
        lines.append(f"::notice title={title}::{_data(visible(report.verdict))}")
    return "".join(f"{line}\n" for line in lines)


def _is_told(row: Case) -> bool:
    return row.verdict in _LEVELS or row.word in ("waived", "unknown")


def _line(row: Case) -> str:
    place = {}
    if row.location is not None:
        place = {"file": visible(row.location.file), "line": str(row.location.line)}
    title = f"{row.word}: {row.group}: {row.name}"
    properties = ",".join(
        f"{name}={_property(text)}" for name, text in {**place, "title": title}.items()
    )
    return f"::{_LEVELS.get(row.verdict, 'notice')} {properties}::{_data(_message(row))}"


def _message(row: Case) -> str:
    labels = ("why", "remedy", "detail")
    return "\n".join([row.message, *(text for label, text in row.details if label in labels)])


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
