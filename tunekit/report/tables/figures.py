"""Findings and measurements: what was proved and what was measured."""

from __future__ import annotations

from tunekit.check.model import Status
from tunekit.probe.model import Scalar
from tunekit.report.escape import cell, visible
from tunekit.report.layout import Page, Row, table
from tunekit.report.model import Report
from tunekit.report.style import Tone
from tunekit.report.tables import inspection
from tunekit.report.tables.inspection import why

_TONES = {
    Status.PASS: Tone.GOOD,
    Status.WARN: Tone.WARN,
    Status.FAIL: Tone.BAD,
    Status.SKIP: Tone.DIM,
    Status.UNKNOWN: Tone.WARN,
    Status.WAIVED: Tone.DIM,
}
_NUMBERS = ("requested", "granted", "predicted", "measured")


def section(report: Report, page: Page) -> list[str]:
    """Draw the measurements of a report, then its findings."""
    figures = _measurements(report, page)
    judgements = _findings(report, page)
    return [*figures, *([""] if figures and judgements else []), *judgements]


def _findings(report: Report, page: Page) -> list[str]:
    if report.command == "inspect":
        return inspection.section(report, page)
    rows = [
        Row(
            cells=(
                cell(finding.subject or finding.check),
                cell(finding.expected) or "-",
                cell(finding.observed) or "-",
                finding.status.value,
            ),
            tones=(Tone.PLAIN, Tone.PLAIN, Tone.PLAIN, _TONES[finding.status]),
            note=why(finding),
        )
        for finding in report.findings
    ]
    return table(("check", "expected", "observed", "verdict"), rows, page)


def _measurements(report: Report, page: Page) -> list[str]:
    """A column for each parameter and each kind of number that any row has."""
    found = report.measurements
    parameters = list(dict.fromkeys(name for row in found for name in row.parameters))
    numbers = [name for name in _NUMBERS if any(getattr(row, name) is not None for row in found)]
    titles = ("measurement", *map(cell, parameters), *numbers, "unit")
    rows = [
        Row(
            cells=(
                cell(row.name),
                *(_scalar(row.parameters.get(name, "")) for name in parameters),
                *(_scalar(getattr(row, name)) for name in numbers),
                cell(row.unit),
            ),
            note=visible(row.note),
        )
        for row in found
    ]
    return table(titles, rows, page, note="remark")


def _scalar(value: Scalar) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) >= 0.01 else f"{value:.3g}"
    return cell(str(value))
