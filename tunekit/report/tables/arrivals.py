"""The limits that somebody gets: soft and hard, where each comes from, and what is wrong there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunekit.check.model import Finding, Status
from tunekit.report.escape import cell, visible
from tunekit.report.layout import Page, Row, prose, table
from tunekit.report.model import Report
from tunekit.report.style import Tone
from tunekit.report.tables import findings
from tunekit.report.tables.inspection import why

_WORDS = {
    Status.PASS: "arrives",
    Status.FAIL: "short",
    Status.UNKNOWN: "unknown",
    Status.SKIP: "",
    Status.WAIVED: "waived",
}
_PREFIX = "rlimit."


def section(report: Report, page: Page) -> list[str]:
    """Draw the limits of a report, then the findings about the files that set them."""
    found: Mapping[str, Mapping[str, Any]] = {
        f"{_PREFIX}{each['name']}": each for each in report.data["limits"]
    }
    count = len(found)
    rows = [_row(finding, found[finding.subject]) for finding in report.findings[:count]]
    judged = any(row.cells[3] for row in rows)
    titles = ("limit", "soft", "hard", "wanted", "verdict")
    if judged:
        lines = table(titles, rows, page, note="from")
    else:
        lines = table(titles[:3], [_plain(row) for row in rows], page, note="from")
    if report.data["nr_open"] is not None:
        text = f"No hard nofile can be above fs.nr_open = {report.data['nr_open']}."
        lines += ["", *prose(text, page, tone=Tone.DIM)]
    remarks = findings.drawn(report.findings[count:], page)
    return [*lines, *([""] if remarks else []), *remarks]


def _row(finding: Finding, limit: Mapping[str, Any]) -> Row:
    origins = dict.fromkeys(each for each in (limit["soft_from"], limit["hard_from"]) if each)
    notes = ["; ".join(map(visible, origins))]
    if finding.status in (Status.FAIL, Status.UNKNOWN):
        notes.append(why(finding))
    return Row(
        cells=(
            cell(limit["name"]),
            _value(limit["soft"]),
            _value(limit["hard"]),
            cell(finding.expected),
            _WORDS.get(finding.status, finding.status.value),
        ),
        tones=(Tone.PLAIN,) * 4 + (findings.TONES[finding.status],),
        note="; ".join(note for note in notes if note),
    )


def _plain(row: Row) -> Row:
    return Row(cells=row.cells[:3], note=row.note)


def _value(text: str | None) -> str:
    if text is None:
        return "-"
    return "unlimited" if text == "-1" else cell(text)
