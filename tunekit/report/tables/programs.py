"""Programs against the values of now, as `stale` judges them."""

from __future__ import annotations

from tunekit.check.model import Finding, Status
from tunekit.report.escape import cell
from tunekit.report.layout import Page, Row, prose, table
from tunekit.report.model import Report
from tunekit.report.style import Tone
from tunekit.report.tables.inspection import why

_VERDICTS = {
    Status.PASS: ("not stale", Tone.DIM),
    Status.FAIL: ("stale", Tone.BAD),
    Status.WARN: ("suspect", Tone.WARN),
    Status.SKIP: ("no matter", Tone.DIM),
    Status.UNKNOWN: ("unknown", Tone.WARN),
    Status.WAIVED: ("waived", Tone.DIM),
}


def section(report: Report, page: Page) -> list[str]:
    """Draw what is stale and what is a program's own choice; the others are only counted and named,
    unless all is asked for.
    """
    shown = [row for row in report.findings if page.everything or not _folded(row)]
    hidden = [row for row in report.findings if row not in shown]
    rows = [_row(finding) for finding in sorted(shown, key=_urgency)]
    lines = table(("program", "runs on", "wanted", "verdict"), rows, page)
    for status, text in (
        (Status.PASS, "in line"),
        (Status.SKIP, "below the limit of open files, without a socket of this network"),
    ):
        names = list(dict.fromkeys(row.subject for row in hidden if row.status is status))
        if names:
            text = f"{len(names)} {text}: {', '.join(map(cell, names[:8]))}"
            text += f" and {len(names) - 8} more" if len(names) > 8 else ""
            lines += ["", *prose(f"{text} (--all shows them).", page, tone=Tone.DIM)]
    return lines


def _urgency(finding: Finding) -> int:
    return (Status.FAIL, Status.WARN, Status.UNKNOWN, Status.PASS, Status.SKIP).index(
        finding.status
    )


def _folded(finding: Finding) -> bool:
    # What is in line needs no remedy; a program's own choice has one, for who wants it otherwise.
    return finding.status is Status.SKIP or (finding.status is Status.PASS and not finding.remedy)


def _row(finding: Finding) -> Row:
    word, tone = _VERDICTS[finding.status]
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
