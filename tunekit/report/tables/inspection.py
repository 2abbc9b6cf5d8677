"""A profile against the running kernel: one row for each setting and limit."""

from __future__ import annotations

from collections.abc import Mapping

from tunekit.check.model import Finding, Status
from tunekit.report.escape import cell, visible
from tunekit.report.layout import Page, Row, table
from tunekit.report.model import Report
from tunekit.report.style import Tone
from tunekit.report.tables.folding import folded

_VERDICTS = {
    Status.PASS: ("in line", Tone.GOOD),
    Status.FAIL: ("differs", Tone.BAD),
    Status.WARN: ("warning", Tone.WARN),
    Status.SKIP: ("not here", Tone.DIM),
    Status.UNKNOWN: ("unknown", Tone.WARN),
    Status.WAIVED: ("waived", Tone.DIM),
}
_FOLDED = (Status.PASS, Status.SKIP)


def section(report: Report, page: Page) -> list[str]:
    """Draw what differs; what is in line is only counted, unless all is asked for."""
    shown = [row for row in report.findings if page.everything or row.status not in _FOLDED]
    hidden = [row for row in report.findings if row not in shown]
    lines = table(
        ("key", "running", "wanted", "verdict"), [judged(item, _VERDICTS) for item in shown], page
    )
    holding = sum(row.status is Status.PASS for row in hidden)
    absent = [row.subject for row in hidden if row.status is Status.SKIP]
    return [*lines, *folded(holding, absent, page, before=lines, option="--all")]


def judged(finding: Finding, verdicts: Mapping[Status, tuple[str, Tone]]) -> Row:
    """A finding as a row: what it is about, what is there, what is wanted, and the verdict."""
    word, tone = verdicts[finding.status]
    return Row(
        cells=(
            cell(finding.subject),
            cell(finding.observed) or "-",
            cell(finding.expected) or "-",
            word,
        ),
        tones=(Tone.PLAIN, Tone.PLAIN, Tone.PLAIN, tone),
        note=why(finding),
    )


def why(finding: Finding) -> str:
    """The reason of a finding, and what mends it."""
    return "; ".join(
        visible(part).rstrip(".;") for part in (finding.reason, finding.remedy) if part
    )
