"""Readiness calls: what one takes, by descriptors and mechanism, and what follows from it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tunekit.probe.model import Measurement, Scalar
from tunekit.report.escape import cell, visible
from tunekit.report.layout import Page, Row, prose, table, wrap
from tunekit.report.model import Report
from tunekit.report.quantities import quantity
from tunekit.report.style import Tone

_PREFIX = "readiness."
_TIMEOUTS = {"none": "a blocking call", "zero": "a call with timeout 0"}
_CHANGES = ("register", "modify", "remove")


def is_of_readiness(row: Measurement) -> bool:
    """Tell whether a measurement is one of readiness calls."""
    return row.name.startswith(_PREFIX)


def section(report: Report, page: Page) -> list[str]:
    """Draw the readiness calls of a report: tables, and what they mean."""
    rows = [row for row in report.measurements if is_of_readiness(row)]
    blocks = [block for block in _blocks(rows, page) if block]
    blocks.append(_refusals(rows, page))
    blocks.append(
        [
            line
            for sentence in _sentences(report)
            for line in wrap(f"- {visible(sentence)}", page.width, hang=2)
        ]
    )
    return [line for block in blocks if block for line in (*block, "")][:-1]


def _blocks(rows: Sequence[Measurement], page: Page) -> Iterator[list[str]]:
    families = dict.fromkeys(row.parameters.get("family") for row in rows)
    for family in (each for each in families if each is not None):
        mine = [row for row in rows if row.parameters.get("family") == family]
        for timeout, words in _TIMEOUTS.items():
            if timeout == "none" or page.everything:
                waits = _named(mine, "wait", timeout=timeout)
                yield _calls(waits, f"{words}, {cell(str(family))}", page)
        if page.everything:
            events = _named(mine, "event")
            yield _calls(events, f"a call's part of one event and its reads, {family}", page)
        yield _changes(mine, page, str(family))
        yield _calls(
            _named(mine, "echo"), f"a message there and back, {family}", page, size="connections"
        )
        yield _calls(
            _named(mine, "sockperf"), "a round trip by sockperf, udp", page, size="sockets"
        )
    yield _memory([row for row in rows if row.name == f"{_PREFIX}memory"], page)


def _named(rows: Iterable[Measurement], name: str, **parameters: Scalar) -> list[Measurement]:
    return [
        row
        for row in rows
        if row.name == _PREFIX + name
        and row.measured is not None
        and all(row.parameters.get(key) == value for key, value in parameters.items())
    ]


def _calls(
    rows: Sequence[Measurement], title: str, page: Page, *, size: str = "descriptors"
) -> list[str]:
    """One row for each size and activity, one column for each mechanism."""
    if not rows:
        return []
    mechanisms = list(dict.fromkeys(str(row.parameters["mechanism"]) for row in rows))
    found: dict[tuple[Scalar, Scalar], dict[str, Measurement]] = {}
    for row in rows:
        place = row.parameters["descriptors"], row.parameters["active"]
        if page.everything or place[1] in (1, place[0]):
            found.setdefault(place, {})[str(row.parameters["mechanism"])] = row
    mechanisms.sort(key=_ORDER.index)
    body = [
        Row(
            cells=(
                *map(str, place),
                *(_with_spread(group[name]) if name in group else "-" for name in mechanisms),
            )
        )
        for place, group in sorted(found.items(), key=_numerically)
    ]
    heading = prose(title, page, tone=Tone.HEAD)
    return [*heading, "", *table((size, "active", *mechanisms), body, page, names=False)]


_ORDER = ("select", "poll", "epoll", "epoll-et", "thread", "process")


def _numerically(item: tuple[tuple[Scalar, ...], object]) -> list[float]:
    return [float(each or 0) for each in item[0]]


def _with_spread(row: Measurement) -> str:
    """The median, and half of the middle half's width as a part of it."""
    text = quantity(row.measured, row.unit)
    if len(row.samples) < 4 or not row.measured:
        return text
    low, _, high = statistics.quantiles(row.samples, n=4)
    return f"{text} ±{(high - low) / 2 / row.measured:.0%}"


def _changes(rows: Sequence[Measurement], page: Page, family: str) -> list[str]:
    """What epoll_ctl takes, by the size of the set."""
    found: dict[Scalar, dict[str, Measurement]] = {}
    for name in _CHANGES:
        for row in _named(rows, name):
            found.setdefault(row.parameters["descriptors"], {})[name] = row
    if not found:
        return []
    body = [
        Row(
            cells=(
                str(size),
                *(_with_spread(group[name]) if name in group else "-" for name in _CHANGES),
            )
        )
        for size, group in found.items()
    ]
    heading = prose(f"an epoll_ctl, {cell(family)}", page, tone=Tone.HEAD)
    return [*heading, "", *table(("descriptors", *_CHANGES), body, page, names=False)]


def _memory(rows: Sequence[Measurement], page: Page) -> list[str]:
    """Memory a connection: the largest size of each mechanism."""
    largest: dict[tuple[Scalar, ...], Measurement] = {}
    for row in rows:
        if row.measured is not None:
            largest[row.parameters["family"], row.parameters["mechanism"]] = row
    body = [
        Row(
            cells=(
                f"{cell(str(mechanism))}, {cell(str(family))}",
                str(row.parameters["descriptors"]),
                quantity(row.measured, row.unit),
                quantity(row.predicted, row.unit),
            ),
            note=visible(row.note),
        )
        for (family, mechanism), row in largest.items()
    ]
    return table(("memory of each", "descriptors", "measured", "predicted"), body, page)


def _refusals(rows: Iterable[Measurement], page: Page) -> list[str]:
    """What could not be done, a line for each mechanism: the smallest size says why."""
    said: dict[object, list[Measurement]] = {}
    for row in rows:
        if row.measured is None and row.note:
            key = (row.name, row.parameters.get("mechanism"), row.parameters.get("family"))
            said.setdefault(key, []).append(row)
    lines: dict[str, None] = {}
    for group in said.values():
        others = [str(row.parameters["descriptors"]) for row in group[1:]]
        more = f" (nor {', '.join(others)})" if others else ""
        lines[f"{visible(group[0].note)}{more}"] = None
    return [line for text in lines for line in prose(text, page, tone=Tone.WARN)]


def _sentences(report: Report) -> Iterator[str]:
    conclusions = report.data.get("conclusions")
    for each in conclusions if isinstance(conclusions, list) else ():
        if isinstance(each, Mapping) and isinstance(each.get("sentence"), str):
            yield each["sentence"]
