"""What connections took with nobody reading: a row for each pair of sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunekit.probe.model import Measurement, Scalar
from tunekit.report.escape import cell, visible
from tunekit.report.layout import Page, Row, table
from tunekit.report.model import Report
from tunekit.report.tables.sockbuf.words import asked, legend, number, off, sentences

_GRANTED = "sockbuf.granted"
# What everybody expects needs no remark.
_DOUBLED = "doubled"
_OPTIONS = ("SO_SNDBUF", "SO_RCVBUF")
_STREAM = ("accepted", "unacked", "unread")
_DATAGRAM = ("accepted", "arrived")
_LOCAL = ("accepted",)
_LEGENDS = {
    _STREAM: (
        "Bytes: granted for SO_SNDBUF and SO_RCVBUF (auto: left to the kernel); then what a send "
        "that does not block took until EAGAIN with nobody reading, what of it the peer had not "
        "acknowledged and what its program had not read; and by how much the forecast of "
        "`accepted` was off."
    ),
    _LOCAL: (
        "Bytes: granted for SO_SNDBUF and SO_RCVBUF; then what a send that does not block took "
        "until EAGAIN with nobody reading, and by how much the forecast was off."
    ),
    _DATAGRAM: (
        "Bytes: granted for SO_SNDBUF and SO_RCVBUF; then what send took with nobody reading, and "
        "what of it had arrived; and by how much the forecast was off: of `accepted`, and where "
        "send is never refused of `arrived`."
    ),
}


def section(report: Report, page: Page) -> list[str]:
    """Draw the pairs of a report, a table for each family."""
    pairs: dict[tuple[Scalar, ...], list[Measurement]] = {}
    for row in report.measurements:
        if row.name.startswith("sockbuf.") and "sndbuf" in row.parameters:
            key = tuple(row.parameters.get(name) for name in ("family", "sndbuf", "rcvbuf"))
            pairs.setdefault(key, []).append(row)
    pairs = {key: group for key, group in pairs.items() if "accepted" in _by_name(group)}
    if not pairs:
        return []
    families = list(dict.fromkeys(key[0] for key in pairs))
    lines: list[str] = []
    said: set[str] = set()
    legends = []
    for family in families:
        groups = [group for key, group in pairs.items() if key[0] == family]
        measured = _by_name(groups[0])
        names = next((each for each in (_STREAM, _DATAGRAM) if each[-1] in measured), _LOCAL)
        titles = ("SO_SNDBUF", "granted", "SO_RCVBUF", "granted", *names, "off")
        rows = [Row(cells=_cells(group, names), note=_remarks(group, said)) for group in groups]
        if len(families) > 1:
            lines += [cell(f"filled over {family}"), ""]
        lines += [*table(titles, rows, page, note="remark", names=False), ""]
        legends.append(_LEGENDS[names])
    for text in dict.fromkeys(legends):
        lines += legend(text, page)
    return [*lines, *sentences(report, "fill", page)]


def _by_name(group: Sequence[Measurement]) -> Mapping[str, Measurement]:
    return {row.name.removeprefix("sockbuf."): row for row in group if row.name != _GRANTED}


def _cells(group: Sequence[Measurement], names: Sequence[str]) -> tuple[str, ...]:
    granted = _by_option(group)
    filled = _by_name(group)
    cells: list[str] = []
    for option in _OPTIONS:
        row = granted.get(option)
        cells += [asked(None if row is None else row.requested), number(row)]
    judged = filled.get("accepted")
    if judged is not None and judged.predicted is None and "arrived" in filled:
        judged = filled["arrived"]
    return (*cells, *(number(filled.get(name)) for name in names), off(judged))


def _by_option(group: Sequence[Measurement]) -> Mapping[str, Measurement]:
    return {str(row.parameters.get("option")): row for row in group if row.name == _GRANTED}


def _remarks(group: Sequence[Measurement], said: set[str]) -> str:
    """Why what was granted is not what was asked for, or what was sent not what one would think;
    each remark is made once.
    """
    remarks = []
    for option, row in _by_option(group).items():
        note = visible(row.note)
        if row.predicted is not None and row.predicted != row.granted:
            note = f"{note} (predicted {row.predicted})".strip()
        elif row.parameters.get("why") == _DOUBLED:
            continue
        remarks.append(f"{visible(option)}: {note}" if note else "")
    remarks.append(visible(_by_name(group)["accepted"].note))
    new = [text for text in dict.fromkeys(remarks) if text and text not in said]
    said.update(new)
    return "; ".join(new)
