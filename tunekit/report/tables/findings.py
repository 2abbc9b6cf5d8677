"""Findings: what was expected, what was observed, and the judgement."""

from __future__ import annotations

from collections.abc import Sequence

from tunekit.check.model import Finding, Status
from tunekit.report.escape import cell
from tunekit.report.layout import Page, Row, prose, table
from tunekit.report.model import Report
from tunekit.report.style import Tone
from tunekit.report.tables.inspection import why

TONES = {
    Status.PASS: Tone.GOOD,
    Status.WARN: Tone.WARN,
    Status.FAIL: Tone.BAD,
    Status.SKIP: Tone.DIM,
    Status.UNKNOWN: Tone.WARN,
    Status.WAIVED: Tone.DIM,
}
_CAPACITY = "capacity"
_NOT_IN_THE_WAY = (Status.PASS, Status.SKIP)


def section(report: Report, page: Page) -> list[str]:
    """Draw the findings of a report. Limits that are not in the way are only counted."""
    shown = [finding for finding in report.findings if page.everything or not _folded(finding)]
    lines = drawn(shown, page)
    hidden = len(report.findings) - len(shown)
    if not hidden:
        return lines
    noun = "limit is" if hidden == 1 else "limits are"
    text = f"{hidden} {noun} not in the way (--verbose shows all)."
    return [*lines, *([""] if lines else []), *prose(text, page, tone=Tone.DIM)]


def drawn(shown: Sequence[Finding], page: Page) -> list[str]:
    """A table of findings."""
    rows = [
        Row(
            cells=(
                cell(finding.subject or finding.check),
                cell(finding.expected) or "-",
                cell(finding.observed) or "-",
                finding.status.value,
            ),
            tones=(Tone.PLAIN, Tone.PLAIN, Tone.PLAIN, TONES[finding.status]),
            note=why(finding),
        )
        for finding in shown
    ]
    return table(("check", "expected", "observed", "verdict"), rows, page)


def _folded(finding: Finding) -> bool:
    return finding.check == _CAPACITY and finding.status in _NOT_IN_THE_WAY
