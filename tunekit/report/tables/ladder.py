"""The ladder of `capacity`: each limit with its use, then what a connection takes of memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunekit.check.model import Status
from tunekit.report.escape import cell, visible
from tunekit.report.layout import Page, Row, prose, table
from tunekit.report.model import Report
from tunekit.report.quantities import quantity
from tunekit.report.style import Tone
from tunekit.report.tables.findings import TONES

_NOT_ONE_TO_MEET = 10**12
_LONG_MAX = 2**63 - 1
_BYTES = ("memory", "memory cgroup")


def section(report: Report, page: Page) -> list[str]:
    """Draw the ladder, the statements that lift what is too low, and the model of memory."""
    rungs: Sequence[Mapping[str, Any]] = report.data["ladder"]
    lines = table(
        ("limit", "value", "in use", "allows", "verdict"),
        [_row(rung, page) for rung in rungs],
        page,
    )
    for more in (_lifts(rungs, page), _memory(report.data["memory"], page)):
        if more:
            lines += ["", *more]
    return lines


def _row(rung: Mapping[str, Any], page: Page) -> Row:
    status = Status(rung["status"])
    noted = page.everything or status in (Status.FAIL, Status.UNKNOWN)
    notes = (rung["why"], rung["remedy"]) if noted else ()
    return Row(
        cells=(
            cell(rung["limit"]),
            _value(rung["limit"], rung["value"]),
            "-" if rung["in_use"] is None else _amount(rung["limit"], rung["in_use"]),
            _allowed(rung["allows"]),
            status.value,
        ),
        tones=(Tone.PLAIN, Tone.PLAIN, Tone.PLAIN, Tone.PLAIN, TONES[status]),
        note="; ".join(visible(note) for note in notes if note),
    )


def _value(limit: str, text: str | None) -> str:
    if text is None:
        return "-"
    return "2^63-1" if int(text) == _LONG_MAX else _amount(limit, int(text))


def _amount(limit: str, number: int) -> str:
    return quantity(number, "B") if limit in _BYTES else str(number)


def _allowed(number: int | None) -> str:
    if number is None:
        return "-"
    return "any number" if number > _NOT_ONE_TO_MEET else str(number)


def _lifts(rungs: Sequence[Mapping[str, Any]], page: Page) -> list[str]:
    found: dict[str, list[str]] = {}
    for rung in rungs:
        if rung["profile"]:
            found.setdefault(rung["section"], []).append(rung["profile"])
    if not found:
        return []
    lines = prose("In a profile, with its variables connections and processes:", page)
    for name, statements in found.items():
        lines += prose(f"{name}:", page, indent=2)
        for statement in statements:
            lines += prose(visible(statement), page, indent=4)
    return lines


def _memory(memory: Mapping[str, Any] | None, page: Page) -> list[str]:
    if memory is None:
        return []
    parts = memory["parts"]
    whole = {"name": "one connection"} | {
        state: sum(part[state] for part in parts) for state in ("at_rest", "active")
    }
    rows = [
        Row(
            cells=(
                cell(part["name"]),
                quantity(part["at_rest"], "B"),
                quantity(part["active"], "B"),
            )
        )
        for part in (*parts, whole)
    ]
    lines = table(("memory", "idle", "active"), rows, page)
    text = (
        f"{memory['connections']} connections: {quantity(memory['at_rest'], 'B')} at rest, "
        f"{quantity(memory['under_load'], 'B')} with {100 * memory['active']:.3g}% of them active."
    )
    return [*lines, "", *prose(text, page)]
