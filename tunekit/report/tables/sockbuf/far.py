"""Throughput over a path with a delay: a row for each pair of sizes."""

from __future__ import annotations

from tunekit.probe.model import Measurement
from tunekit.report.escape import cell
from tunekit.report.layout import Page, Row, table
from tunekit.report.model import Report
from tunekit.report.tables.sockbuf.words import asked, legend, off, sentences

_TITLES = (
    "SO_SNDBUF",
    "SO_RCVBUF",
    "Mbit/s",
    "forecast",
    "off",
    "window",
    "buffer",
    "held back by",
)
_LEGEND = (
    "Throughput with these sizes (auto: left to the kernel), the forecast and by how much it was "
    "off; the share of the time that TCP_INFO says it waited for the receive window and for the "
    "send buffer, and what held it back."
)


def section(report: Report, page: Page) -> list[str]:
    """Draw the pairs that were sent over a distance."""
    rows = [
        Row(cells=tuple(map(cell, _cells(row))))
        for row in report.measurements
        if row.name == "sockbuf.throughput"
    ]
    said = sentences(report, "distance", page)
    if not rows:
        return said
    return [*table(_TITLES, rows, page, names=False), "", *legend(_LEGEND, page), *said]


def _cells(row: Measurement) -> tuple[str, ...]:
    parameters = row.parameters
    return (
        asked(parameters.get("sender_asked")),
        asked(parameters.get("receiver_asked")),
        _mbit(row.measured),
        _mbit(row.predicted),
        off(row),
        _share(parameters.get("window_limited")),
        _share(parameters.get("buffer_limited")),
        str(parameters.get("held_back_by")),
    )


def _mbit(rate: float | None) -> str:
    return "-" if rate is None else f"{rate * 8 / 1e6:.1f}"


def _share(part: object) -> str:
    return f"{part:.0%}" if isinstance(part, int | float) else "-"
