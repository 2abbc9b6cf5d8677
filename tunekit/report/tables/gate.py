"""What a gate found: what is in the way in full, what is not as counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tunekit.check.model import Finding, Status
from tunekit.report.escape import cell, visible
from tunekit.report.layout import Page, Row, prose, table
from tunekit.report.model import Report
from tunekit.report.style import Tone
from tunekit.report.tables.findings import TONES
from tunekit.report.tables.inspection import why

_TITLES = ("check", "expected", "observed", "verdict")
_FOLDED = {Status.PASS: "passed", Status.SKIP: "not asked, or not for this host"}


def section(report: Report, page: Page) -> list[str]:
    """Draw the findings of a gate; what passed or does not apply is only counted."""
    shown = [row for row in report.findings if page.everything or row.status not in _FOLDED]
    lines = table(_TITLES, [_row(finding) for finding in shown], page)
    counts = [
        f"{word}: {_counted(rows)}"
        for status, word in _FOLDED.items()
        if (rows := [row for row in report.findings if row.status is status])
    ]
    if page.everything or not counts:
        return lines
    text = "; ".join(counts) + " (--verbose shows all)."
    return [*lines, *([""] if lines else []), *prose(text, page, tone=Tone.DIM)]


def _row(finding: Finding) -> Row:
    return Row(
        cells=(
            cell(f"{finding.check} {finding.subject}"),
            cell(finding.expected) or "-",
            cell(finding.observed) or "-",
            finding.status.value,
        ),
        tones=(Tone.PLAIN, Tone.PLAIN, Tone.PLAIN, TONES[finding.status]),
        note="; ".join(filter(None, (visible(finding.waiver), why(finding)))),
    )


def _counted(rows: Iterable[Finding]) -> str:
    """Checks with the number of their findings, in the order in which they were asked."""
    counts = Counter(row.check for row in rows)
    return ", ".join(f"{visible(name)} {count}" for name, count in counts.items())
