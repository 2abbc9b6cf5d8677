"""A kept run beside this one: the figures that changed, and what else did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunekit.report.escape import cell, visible
from tunekit.report.layout import Page, Row, prose, table
from tunekit.report.model import Report
from tunekit.report.quantities import quantity

NOTEWORTHY = 0.05
"""The least change that is shown when not everything is."""

_MOST = 30


def section(report: Report, page: Page) -> list[str]:
    """Draw the comparison of a report."""
    found = report.data.get("comparison")
    if not isinstance(found, Mapping):
        return []
    figures = [row for row in found["figures"] if _change(row) is not None]
    shown = [row for row in figures if page.everything or _is_noteworthy(row)]
    left_out = max(0, len(shown) - _MOST) if not page.everything else 0
    shown.sort(key=lambda row: -abs(_change(row) or 0.0))
    head = f"compared with {visible(found['file'])}, saved {visible(found['saved'])}"
    lines = [*prose(head, page), ""]
    telling = _telling(found["figures"])
    rows = [_row(row, telling) for row in shown[: len(shown) - left_out]]
    if rows:
        lines += [*table(("figure", "before", "now", "change"), rows, page), ""]
    for title in ("host", "sysctls"):
        for row in found[title]:
            name = row.get("name") or row.get("key")
            text = f"{visible(str(name))}: {_seen(row['before'])} -> {_seen(row['after'])}"
            lines += prose(text, page)
    summary = (
        f"{sum(map(_is_noteworthy, figures))} of {len(figures)} figures changed by more than "
        f"{NOTEWORTHY:.0%}"
    )
    if left_out:
        summary += f", {left_out} of them not shown (--verbose shows all)"
    if found["only_one_has"]:
        summary += f"; {found['only_one_has']} are in one run only"
    return [*lines, *prose(f"{summary}.", page)]


def _change(row: Mapping[str, Any]) -> float | None:
    before, after = row["before"], row["after"]
    if before is None or after is None:
        return None
    if before == after:
        return 0.0
    return (after - before) / abs(before) if before else float("inf")


def _is_noteworthy(row: Mapping[str, Any]) -> bool:
    return abs(_change(row) or 0.0) > NOTEWORTHY


def _row(row: Mapping[str, Any], telling: Mapping[str, set[str]]) -> Row:
    change = _change(row) or 0.0
    about = ", ".join(
        f"{name} {_text(value)}"
        for name, value in row["parameters"].items()
        if name in telling.get(row["name"], ())
    )
    name = f"{row['name']} ({about})" if about else str(row["name"])
    return Row(
        cells=(
            cell(name),
            cell(quantity(row["before"], row["unit"])),
            cell(quantity(row["after"], row["unit"])),
            "from 0" if change == float("inf") else f"{change:+.1%}",
        )
    )


def _telling(figures: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
    """The parameters that tell the figures of one name apart."""
    values: dict[str, dict[str, set[object]]] = {}
    for row in figures:
        for name, value in row["parameters"].items():
            values.setdefault(row["name"], {}).setdefault(name, set()).add(value)
    return {
        figure: {name for name, seen in of_figure.items() if len(seen) > 1}
        for figure, of_figure in values.items()
    }


def _text(value: object) -> str:
    return "auto" if value is None else visible(str(value))


def _seen(value: object) -> str:
    return "not there" if value is None else visible(str(value))
