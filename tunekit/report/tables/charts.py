"""The pictures of a report as charts: the most telling, and all when everything is shown."""

from __future__ import annotations

from tunekit.report import chart
from tunekit.report.layout import Page
from tunekit.report.model import Report
from tunekit.report.pictures import pictures


def section(report: Report, page: Page) -> list[str]:
    """Draw the charts of a report."""
    found = pictures(report)
    lines: list[str] = []
    for picture in found if page.everything else found[:1]:
        drawn = chart.draw(picture, page)
        lines += [*([""] if lines and drawn else []), *drawn]
    return lines
