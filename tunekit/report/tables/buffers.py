"""Socket buffers: the tables of the parts that were measured, in the order of the study."""

from __future__ import annotations

from tunekit.probe.model import Measurement
from tunekit.report.layout import Page
from tunekit.report.model import Report
from tunekit.report.tables.sockbuf import far, filled, grants, moments, tried

_PREFIX = "sockbuf."


def is_of_buffers(row: Measurement) -> bool:
    """Tell whether a measurement is one of socket buffers."""
    return row.name.startswith(_PREFIX)


def section(report: Report, page: Page) -> list[str]:
    """Draw the socket buffers of a report."""
    lines: list[str] = []
    for part in (grants, filled, moments, tried, far):
        drawn = part.section(report, page)
        lines += [*([""] if lines and drawn else []), *drawn]
    return lines
