"""Where the bytes of a message are, from the first send to the last read."""

from __future__ import annotations

from collections.abc import Sequence

from tunekit.probe.model import Measurement, Scalar
from tunekit.report.layout import Page, Row, table
from tunekit.report.model import Report
from tunekit.report.quantities import quantity
from tunekit.report.tables.sockbuf.words import asked, legend, sentences

_COLUMNS = ("time", "accepted", "acknowledged", "read")
_MOST = 8
_LEGEND = (
    "Bytes that by then send had accepted, the peer's kernel had acknowledged, and its program had "
    "read, 64 KiB each 10 ms."
)


def section(report: Report, page: Page) -> list[str]:
    """Draw a table for each time line."""
    lines: dict[Scalar, dict[Scalar, Measurement]] = {}
    for row in report.measurements:
        if row.name == "sockbuf.timeline":
            size = row.parameters.get("sender_buffer")
            lines.setdefault(size, {})[row.parameters.get("of")] = row
    drawn: list[str] = []
    for size, columns in lines.items():
        if any(name not in columns for name in _COLUMNS):
            continue
        title = f"one message, SO_SNDBUF {asked(size)}"
        drawn += [title, "", *table(_COLUMNS, _rows(columns), page, names=False), ""]
    if not drawn:
        return []
    return [*drawn, *legend(_LEGEND, page), *sentences(report, "meaning", page)]


def _rows(columns: dict[Scalar, Measurement]) -> list[Row]:
    samples = [columns[name].samples for name in _COLUMNS]
    return [
        Row(
            cells=(
                quantity(float(samples[0][index]), "s"),
                *(str(int(values[index])) for values in samples[1:]),
            )
        )
        for index in _chosen(samples[1], min(map(len, samples)))
    ]


def _chosen(accepted: Sequence[float], count: int) -> list[int]:
    """A few moments: the first, the one when all was accepted, the last, and some in between."""
    if count == 0:
        return []
    whole = next((i for i in range(count) if accepted[i] == accepted[count - 1]), 0)
    spread = {round(step * (count - 1) / (_MOST - 1)) for step in range(_MOST)}
    return sorted(spread | {whole})
