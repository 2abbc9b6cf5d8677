"""Socket buffers: one row for each pair of sizes, from what was asked for to what was taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunekit.probe.model import Measurement, Scalar
from tunekit.report.escape import cell, visible
from tunekit.report.layout import Page, Row, prose, table
from tunekit.report.model import Report
from tunekit.report.style import Tone

_PREFIX = "sockbuf."
_GRANTED = f"{_PREFIX}granted"
_OPTIONS = ("SO_SNDBUF", "SO_RCVBUF")
_FILLED = ("accepted", "unacked", "unsent", "unread")
_LEGEND = (
    "Bytes: asked for (auto: left to the kernel) and granted; then what a send that does not "
    "block took until EAGAIN with nobody reading, and what of it was unacknowledged, not sent "
    "yet, and unread by then."
)


def is_of_buffers(row: Measurement) -> bool:
    """Tell whether a measurement is one of socket buffers."""
    return row.name.startswith(_PREFIX)


def section(report: Report, page: Page) -> list[str]:
    """Draw the socket buffers of a report."""
    pairs: dict[tuple[Scalar, ...], list[Measurement]] = {}
    for row in filter(is_of_buffers, report.measurements):
        sizes = tuple(row.parameters.get(name) for name in ("family", "sndbuf", "rcvbuf"))
        pairs.setdefault(sizes, []).append(row)
    if not pairs:
        return []
    families = len({sizes[0] for sizes in pairs}) > 1
    titles: tuple[str, ...] = ("SO_SNDBUF", "granted", "SO_RCVBUF", "granted", *_FILLED)
    rows: list[Row] = []
    said: set[str] = set()
    for (family, *_), group in pairs.items():
        cells = _cells(group)
        rows.append(
            Row(
                cells=(cell(str(family)), *cells) if families else cells,
                note=_remarks(group, said),
            )
        )
    if families:
        titles = ("family", *titles)
    drawn = table(titles, rows, page, note="remark", names=False)
    return [*drawn, "", *prose(_LEGEND, page, tone=Tone.DIM)]


def _cells(group: Sequence[Measurement]) -> tuple[str, ...]:
    granted = _by_option(group)
    filled = {row.name.removeprefix(_PREFIX): row for row in group if row.name != _GRANTED}
    cells: list[str] = []
    for option in _OPTIONS:
        row = granted.get(option)
        asked = row and row.requested
        cells += ["auto" if asked is None else str(asked), _number(row)]
    return (*cells, *(_number(filled.get(name)) for name in _FILLED))


def _by_option(group: Sequence[Measurement]) -> Mapping[str, Measurement]:
    return {str(row.parameters.get("option")): row for row in group if row.name == _GRANTED}


def _number(row: Measurement | None) -> str:
    return "-" if row is None or row.measured is None else str(row.measured)


def _remarks(group: Sequence[Measurement], said: set[str]) -> str:
    """Why what was granted is not what was asked for; each remark is made once."""
    remarks = []
    for option, row in _by_option(group).items():
        note = visible(row.note)
        if row.predicted is not None and row.predicted != row.granted:
            note = f"{note} (predicted {row.predicted})".strip()
        remark = f"{visible(option)}: {note}"
        if note and remark not in said:
            said.add(remark)
            remarks.append(remark)
    return "; ".join(remarks)
