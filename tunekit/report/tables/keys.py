"""Keys as `inspect KEY` shows them: the value and what is known of it."""

from __future__ import annotations

from tunekit.report.escape import cell, visible
from tunekit.report.layout import Page, Row, field, prose, table
from tunekit.report.model import KeyRow, Report
from tunekit.report.style import Tone

_TITLES = ("key", "value", "unit", "range", "default")
_DETAILED = 3


def section(report: Report, page: Page) -> list[str]:
    """Draw a few keys in full, or many as a table."""
    if len(report.keys) <= _DETAILED:
        blocks = [_block(row, page) for row in report.keys]
        return [line for block in blocks for line in ("", *block)][1:]
    rows = [
        Row(
            cells=(cell(row.key), _value(row), cell(row.unit), _range(row), cell(row.default)),
            tones=(Tone.PLAIN, Tone.WARN if row.value is None else Tone.PLAIN),
            note=visible(row.meaning),
        )
        for row in report.keys
    ]
    return table(_TITLES, rows, page, note="meaning")


def _block(row: KeyRow, page: Page) -> list[str]:
    fields = {
        "value": _value(row),
        "unit": cell(row.unit),
        "range": _range(row),
        "default": cell(row.default),
        "scope": cell(row.scope),
        "meaning": visible(row.meaning),
    }
    lines = prose(cell(row.key), page, tone=Tone.HEAD)
    for title, text in fields.items():
        if text:
            lines += field(title, text, page, labels=7)
    return lines


def _value(row: KeyRow) -> str:
    if row.value is None:
        return f"({cell(row.state) or 'unknown'})"
    return cell(row.value) or '""'


def _range(row: KeyRow) -> str:
    if row.minimum and row.maximum:
        return cell(f"{row.minimum}..{row.maximum}")
    if row.minimum:
        return cell(f">= {row.minimum}")
    return cell(f"<= {row.maximum}") if row.maximum else ""
