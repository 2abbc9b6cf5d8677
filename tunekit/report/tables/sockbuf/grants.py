"""What each request for a buffer size was granted: a row for each size."""

from __future__ import annotations

from collections.abc import Sequence

from tunekit.probe.model import Measurement
from tunekit.report.escape import cell
from tunekit.report.layout import Page, Row, table
from tunekit.report.model import Report
from tunekit.report.tables.sockbuf.words import asked, legend, sentences

_COLUMNS = ("SO_SNDBUF", "SO_SNDBUFFORCE", "SO_RCVBUF", "SO_RCVBUFFORCE")
_TITLES = ("asked for", "SO_SNDBUF", "...FORCE", "SO_RCVBUF", "...FORCE")
_MARKS = {
    "doubled": "",
    "forced: the maximum does not count": "",
    "raised to the minimum": " r",
    "cut to the maximum, then doubled": " c",
    "not set: tuned by the kernel": " a",
    "not set: the default": "",
}
_LEGEND = (
    "Bytes that getsockopt says after asking: twice what was asked for; r: raised to the minimum; "
    "c: cut to net.core.wmem_max or rmem_max, then doubled; a: autotuned. != is not what the "
    "rules say."
)


def section(report: Report, page: Page) -> list[str]:
    """Draw the requests of a report, a table for each family."""
    found = [
        row
        for row in report.measurements
        if row.name == "sockbuf.granted" and row.parameters.get("state") in ("fresh", "connected")
    ]
    if not found:
        return []
    lines: list[str] = []
    for family in dict.fromkeys(row.parameters.get("family") for row in found):
        rows = [row for row in found if row.parameters.get("family") == family]
        title = f"granted over {family}"
        lines += [title, "", *table(_TITLES, _rows(rows), page, names=False), ""]
    return [*lines, *legend(_LEGEND, page), *sentences(report, "granted", page)]


def _rows(found: Sequence[Measurement]) -> list[Row]:
    names = dict.fromkeys((row.parameters.get("state"), row.requested) for row in found)
    rows = []
    for state, size in sorted(names, key=lambda name: (name[1] is not None, name[0], name[1] or 0)):
        by_option = {
            row.parameters.get("option"): row
            for row in found
            if row.parameters.get("state") == state and row.requested == size
        }
        title = asked(size)
        if size is None:
            title += ", connected" if state == "connected" else ", fresh"
        rows.append(Row(cells=(title, *(_granted(by_option.get(name)) for name in _COLUMNS))))
    return rows


def _granted(row: Measurement | None) -> str:
    if row is None:
        return ""
    if row.granted is None:
        return "refused"
    mark = _MARKS.get(str(row.parameters.get("why")), "")
    wrong = row.predicted is not None and row.predicted != row.granted
    return cell(f"{row.granted}{mark}{f' != {row.predicted}' if wrong else ''}")
