"""What a command lists: the profiles there are, how two differ, what could not be carried over."""

from __future__ import annotations

from tunekit.report.escape import cell
from tunekit.report.layout import Page, Row, prose, table
from tunekit.report.model import Listing, Report
from tunekit.report.style import Tone


def section(report: Report, page: Page) -> list[str]:
    """Draw each listing that has rows under its title."""
    lines: list[str] = []
    for listing in report.listings:
        if listing.rows:
            lines += [""] * bool(lines)
            lines += _listing(listing, page)
    return lines


def _listing(listing: Listing, page: Page) -> list[str]:
    rows = [Row(cells=tuple(map(cell, row))) for row in listing.rows]
    return [*prose(listing.title, page, tone=Tone.HEAD), *table(listing.columns, rows, page)]
