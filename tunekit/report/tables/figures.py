"""Measurements: a line for each figure and for each distribution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tunekit.probe.model import Measurement, Scalar
from tunekit.report.escape import cell, visible
from tunekit.report.layout import Page, Row, table
from tunekit.report.model import Report
from tunekit.report.quantities import quantity
from tunekit.report.tables.buffers import is_of_buffers
from tunekit.report.tables.readiness import is_of_readiness

_QUANTILE = "quantile"
_NAMES: dict[float, str] = {0: "min", 1: "max"}
_TITLES = ("by", "of", "role", "part", "phase")
"""Parameters whose values say by themselves what they are about."""


def section(report: Report, page: Page) -> list[str]:
    """Draw the measurements of a report that have no table of their own: a table of figures, and
    one of quantiles.
    """
    found = [
        row for row in report.measurements if not is_of_buffers(row) and not is_of_readiness(row)
    ]
    figures = _figures([row for row in found if _QUANTILE not in row.parameters], page)
    quantiles = _quantiles([row for row in found if _QUANTILE in row.parameters], page)
    return [*figures, *([""] if figures and quantiles else []), *quantiles]


def _figures(found: Sequence[Measurement], page: Page) -> list[str]:
    """A line for each name; what its figures differ in stands behind each."""
    rows = [
        Row(
            cells=(cell(name), ", ".join(cell(_value(row)) for row in group)),
            note=_notes(group),
        )
        for name, group in _grouped(found, lambda row: row.name).items()
    ]
    return table(("figure", "measured"), rows, page, note="remark")


def _quantiles(found: Sequence[Measurement], page: Page) -> list[str]:
    """A line for each distribution, a column for each quantile."""
    titles = list(dict.fromkeys(_quantile(row.parameters[_QUANTILE]) for row in found))
    rows = []
    for name, group in _grouped(found, _distribution).items():
        values = {_quantile(row.parameters[_QUANTILE]): row for row in group}
        cells = (
            quantity(values[title].measured, values[title].unit) if title in values else "-"
            for title in titles
        )
        rows.append(Row(cells=(cell(name), *map(cell, cells)), note=_notes(group)))
    return table(("distribution", *titles), rows, page, note="remark")


def _grouped(
    found: Iterable[Measurement], name: Callable[[Measurement], str]
) -> dict[str, list[Measurement]]:
    groups: dict[str, list[Measurement]] = {}
    for row in found:
        groups.setdefault(name(row), []).append(row)
    return groups


def _notes(group: Iterable[Measurement]) -> str:
    return "; ".join(dict.fromkeys(visible(row.note) for row in group if row.note))


def _distribution(row: Measurement) -> str:
    about = _parameters(row)
    return f"{row.name} ({about})" if about else row.name


def _parameters(row: Measurement) -> str:
    return ", ".join(
        _scalar(value) if name in _TITLES else f"{name} {_scalar(value)}"
        for name, value in row.parameters.items()
        if name != _QUANTILE
    )


def _quantile(value: Scalar) -> str:
    """A quantile as it is spoken of: 0.99 is p99, 1 the maximum."""
    if not isinstance(value, int | float):
        return ""
    return _NAMES.get(value) or f"p{value * 100:g}"


def _value(row: Measurement) -> str:
    others = [
        f"{name} {quantity(number, row.unit)}"
        for name in ("requested", "granted", "predicted")
        if (number := getattr(row, name)) is not None
    ]
    if about := _parameters(row):
        others.insert(0, about)
    text = quantity(row.measured, row.unit)
    return f"{text} ({', '.join(others)})" if others else text


def _scalar(value: Scalar) -> str:
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
