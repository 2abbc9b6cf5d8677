"""The ways to send one message: a table for each size and reader."""

from __future__ import annotations

from tunekit.probe.model import Measurement, Scalar
from tunekit.report.escape import cell
from tunekit.report.layout import Page, Row, table
from tunekit.report.model import Report
from tunekit.report.quantities import quantity
from tunekit.report.tables.sockbuf.words import asked, legend, sentences

_PREFIX = "sockbuf.strategy."
_COLUMNS = ("calls", "refused", "wakeups", "cpu", "last_byte", "throughput")
_TITLES = ("way to send", "calls", "EAGAIN", "wake-ups", "CPU", "last byte", "rate")
_LEGEND = (
    "System calls of the sender, how many of them said EAGAIN, how often it was woken, its CPU "
    "time, and when the reader had the last byte."
)


def section(report: Report, page: Page) -> list[str]:
    """Draw the ways that were tried."""
    cases: dict[tuple[Scalar, ...], dict[Scalar, dict[str, Measurement]]] = {}
    for row in report.measurements:
        if row.name.startswith(_PREFIX):
            case = tuple(
                row.parameters.get(name) for name in ("message", "sender_buffer", "reader")
            )
            ways = cases.setdefault(case, {})
            figures = ways.setdefault(row.parameters.get("strategy"), {})
            figures[row.name.removeprefix(_PREFIX)] = row
    lines: list[str] = []
    for (message, size, reader), ways in cases.items():
        title = f"{asked(message)} with SO_SNDBUF {asked(size)} to a {reader} reader"
        rows = [
            Row(cells=(cell(str(way)), *(_figure(figures.get(name)) for name in _COLUMNS)))
            for way, figures in ways.items()
        ]
        lines += [cell(title), "", *table(_TITLES, rows, page), ""]
    if not lines:
        return []
    return [*lines, *legend(_LEGEND, page), *sentences(report, "strategies", page)]


def _figure(row: Measurement | None) -> str:
    if row is None or row.measured is None:
        return "-"
    return quantity(int(row.measured) if row.unit == "1" else float(row.measured), row.unit)
