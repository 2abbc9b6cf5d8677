"""Settings: what was, what is wanted, what is now, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tunekit.engine.model import Change, Outcome
from tunekit.report.escape import cell, visible
from tunekit.report.layout import Page, Row, table
from tunekit.report.model import Report
from tunekit.report.style import Tone
from tunekit.report.tables.folding import folded

_TONES = {
    Outcome.PLANNED: Tone.WARN,
    Outcome.APPLIED: Tone.GOOD,
    Outcome.UNCHANGED: Tone.DIM,
    Outcome.ADJUSTED: Tone.WARN,
    Outcome.REJECTED: Tone.BAD,
    Outcome.UNSUPPORTED: Tone.DIM,
    Outcome.ELSEWHERE: Tone.DIM,
    Outcome.DENIED: Tone.BAD,
    Outcome.ROLLED_BACK: Tone.GOOD,
    Outcome.REFUSED: Tone.BAD,
    Outcome.MOVED: Tone.DIM,
}
_ABSENT = (Outcome.UNSUPPORTED, Outcome.ELSEWHERE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """How one command shows its changes: the titles and a change's cells under them."""

    titles: tuple[str, ...]
    cells: Callable[[Change], tuple[str, ...]]


def section(report: Report, page: Page) -> list[str]:
    """Draw the changes of a report; what already holds is only counted, unless all is asked for."""
    view = _view(report)
    shown = [change for change in report.changes if page.everything or not _folded(change)]
    hidden = [change for change in report.changes if change not in shown]
    rows = [
        Row(
            cells=view.cells(change),
            tones=(*(Tone.PLAIN,) * (len(view.titles) - 1), _TONES[change.outcome]),
            note=_why(change),
        )
        for change in shown
    ]
    lines = table(view.titles, rows, page)
    # What is gone together with its namespace or process does not hold; the verdict counts it.
    holding = sum(c.outcome is Outcome.UNCHANGED and c.before is not None for c in hidden)
    absent = [change.key for change in hidden if change.outcome in _ABSENT]
    return [*lines, *folded(holding, absent, page, before=lines, option="--verbose")]


def _view(report: Report) -> _View:
    if any(change.outcome is Outcome.PLANNED for change in report.changes):
        return _View(
            titles=("key", "now", "would be", "outcome"),
            cells=lambda change: (
                cell(change.key),
                _value(change.before),
                _value(change.wanted),
                change.outcome.value,
            ),
        )
    return _View(
        titles=("key", "before", "after", "outcome"),
        cells=lambda change: (
            cell(change.key),
            _value(change.before),
            _value(change.after),
            change.outcome.value,
        ),
    )


def _folded(change: Change) -> bool:
    return change.outcome is Outcome.UNCHANGED or (change.outcome in _ABSENT and change.optional)


def _value(text: str | None) -> str:
    if text is None:
        return "-"
    return cell(text) or '""'


def _why(change: Change) -> str:
    """What happened and what to do about it, then why the setting is wanted."""
    parts = (change.detail, change.remedy, change.reason)
    return "; ".join(visible(part).rstrip(".;") for part in parts if part)
