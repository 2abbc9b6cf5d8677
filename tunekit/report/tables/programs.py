"""Programs against the values of now, as `stale` judges them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tunekit.check.model import Finding, Status
from tunekit.report.escape import cell
from tunekit.report.layout import Page, prose, table
from tunekit.report.model import Report
from tunekit.report.style import Tone
from tunekit.report.tables.inspection import judged

_NETWORK = "stale.network"
_NAMED = 8
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
    rows = [judged(finding, _VERDICTS) for finding in sorted(shown, key=_urgency)]
    lines = table(("program", "runs on", "wanted", "verdict"), rows, page)
    for text, folded in _groups([row for row in report.findings if row not in shown]):
        names = list(dict.fromkeys(row.subject for row in folded))
        if names:
            some = ", ".join(map(cell, names[:_NAMED]))
            rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            words = f"{len(names)} {text}: {some}{rest} (--all shows them)."
            lines += [*([""] if lines else []), *prose(words, page, tone=Tone.DIM)]
    return lines


def _groups(rows: Sequence[Finding]) -> Iterator[tuple[str, list[Finding]]]:
    """What is said of the rows that are not shown, and which those are."""
    yield "in line", [row for row in rows if row.status is Status.PASS]
    rows = [row for row in rows if row.status is Status.SKIP]
    networks = [row for row in rows if row.check == _NETWORK]
    yield (
        "below the limit of open files, but without a socket in this network",
        [row for row in rows if row not in networks],
    )
    yield "with a loopback alone", networks


def _urgency(finding: Finding) -> int:
    return (Status.FAIL, Status.WARN, Status.UNKNOWN, Status.PASS, Status.SKIP).index(
        finding.status
    )


def _folded(finding: Finding) -> bool:
    # What is in line needs no remedy; a program's own choice has one, for who wants it otherwise.
    return finding.status is Status.SKIP or (finding.status is Status.PASS and not finding.remedy)
