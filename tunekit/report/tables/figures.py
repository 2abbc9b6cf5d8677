"""Measurements: one row for each figure, with its quantiles side by side."""

from __future__ import annotations

from collections.abc import Iterable

from tunekit.probe.model import Measurement, Scalar
from tunekit.report.escape import cell, visible
from tunekit.report.layout import Page, Row, table
from tunekit.report.model import Report
from tunekit.report.quantities import quantity
from tunekit.report.tables.buffers import is_of_buffers

_QUANTILE = "quantile"
_USUAL = (0.5, 0.99, 1)
_NAMES: dict[float, str] = {0: "min", 1: "max"}


def section(report: Report, page: Page) -> list[str]:
    """Draw the measurements of a report, but for those of socket buffers."""
    found = [row for row in report.measurements if not is_of_buffers(row)]
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for row in found:
        groups.setdefault((row.name, _parameters(row)), []).append(row)
    rows = [
        Row(
            cells=(cell(f"{name} ({parameters})" if parameters else name), _values(group, page)),
            note="; ".join(dict.fromkeys(visible(row.note) for row in group if row.note)),
        )
        for (name, parameters), group in groups.items()
    ]
    return table(("figure", "measured"), rows, page, note="remark")


def _parameters(row: Measurement) -> str:
    return ", ".join(
        f"{name}={_scalar(value)}" for name, value in row.parameters.items() if name != _QUANTILE
    )


def _values(group: Iterable[Measurement], page: Page) -> str:
    texts = []
    for row in group:
        quantile = row.parameters.get(_QUANTILE)
        if quantile is not None and not page.everything and quantile not in _USUAL:
            continue
        texts.append(f"{_quantile(quantile)}{cell(_value(row))}")
    return ", ".join(texts) or "-"


def _quantile(value: Scalar) -> str:
    """A quantile as it is spoken of: 0.99 is p99, 1 the maximum."""
    if not isinstance(value, int | float):
        return ""
    return f"{_NAMES.get(value) or f'p{value * 100:g}'} "


def _value(row: Measurement) -> str:
    others = [
        f"{name} {quantity(number, row.unit)}"
        for name in ("requested", "granted", "predicted")
        if (number := getattr(row, name)) is not None
    ]
    text = quantity(row.measured, row.unit)
    return f"{text} ({', '.join(others)})" if others else text


def _scalar(value: Scalar) -> str:
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
