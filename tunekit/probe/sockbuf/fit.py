"""Whether the forecasts' rules are those of this kernel, told from all pairs together.

A forecast that is off for one pair is a forecast that is off. One that is off for many belongs to
another kernel, and would mislead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from tunekit.probe.model import Measurement

ACCEPTED = "sockbuf.accepted"
_GRANTED = "sockbuf.granted"

MOST_MEDIAN = 0.05
LEAST_WITHIN = 0.8
"""The rules fit while 80 % of the pairs are off by at most two segments and the median error is at
most 5 %, or one segment where the buffers hold but a few; where they do fit, one finds nearly all
of the first and a tenth of the second.
"""

_UNFITTING = "the rules do not fit this kernel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How `count` forecasts of accepted bytes did: the median error and the worst, as shares, the
    median in segments, and how many were off by at most two segments.
    """

    count: int
    median: float
    worst: float
    segments: float
    within: int

    @property
    def holds(self) -> bool:
        """Tell whether the rules fit."""
        near = self.median <= MOST_MEDIAN or self.segments <= 1
        return near and self.within >= LEAST_WITHIN * self.count


def of(figures: Sequence[Measurement]) -> Fit | None:
    """Compare forecasts with what was measured; None where nothing was forecast."""
    errors, segments, within = [], [], 0
    for row in figures:
        if row.name != ACCEPTED or row.predicted is None or not row.measured:
            continue
        off = abs(row.predicted - row.measured)
        segment = row.parameters.get("segment")
        size = segment if isinstance(segment, int) else 0
        errors.append(off / row.measured)
        segments.append(off / size if size else float("inf"))
        within += off <= max(2 * size, 0.02 * row.measured)
    if not errors:
        return None
    return Fit(
        count=len(errors),
        median=median(errors),
        worst=max(errors),
        segments=median(segments),
        within=within,
    )


def judged(figures: Sequence[Measurement]) -> tuple[Measurement, ...]:
    """Leave out forecasts of what is taken if they do not fit, and say so of each."""
    fitted = of(figures)
    if fitted is None or fitted.holds:
        return tuple(figures)
    return tuple(
        row
        if row.predicted is None or row.name == _GRANTED
        else replace(row, predicted=None, note=f"{_UNFITTING}: they said {row.predicted}")
        for row in figures
    )


def misfits(figures: Sequence[Measurement]) -> bool:
    """Tell whether forecasts were left out since they do not fit."""
    return any(row.note.startswith(_UNFITTING) for row in figures)
