"""Latencies in logarithmic buckets: mergeable, of constant size, in memory of anybody's choice."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, MutableSequence

_BITS = 4
_STEPS = 1 << _BITS
_BUCKETS = 640
CELLS = _BUCKETS + 1
"""64-bit cells that a histogram takes: the buckets, and the exact maximum at the end."""


class Histogram:
    """Counts of durations in nanoseconds.

    Each power of two is divided into 16 buckets, so that a quantile is at most 1/16 above the
    truth, and never below it. The last bucket takes everything over two hours.
    """

    __slots__ = ("_cells",)

    def __init__(self, cells: MutableSequence[int] | memoryview | None = None) -> None:
        """Count in `cells`, which must hold CELLS zeroes; in memory of its own without."""
        self._cells = array("Q", bytes(8 * CELLS)) if cells is None else cells

    def extend(self, durations: Iterable[int]) -> None:
        """Count each duration."""
        cells = self._cells
        longest = cells[_BUCKETS]
        for duration in durations:
            shift = duration.bit_length() - _BITS - 1
            place = (shift << _BITS) + (duration >> shift) if shift > 0 else duration
            cells[place if place < _BUCKETS else _BUCKETS - 1] += 1
            if duration > longest:
                longest = duration
        cells[_BUCKETS] = longest

    def merge(self, other: Histogram) -> None:
        """Add the counts of another."""
        mine, theirs = self._cells, other._cells
        for place in range(_BUCKETS):
            if count := theirs[place]:
                mine[place] += count
        mine[_BUCKETS] = max(mine[_BUCKETS], theirs[_BUCKETS])

    @property
    def count(self) -> int:
        """The number of durations."""
        return sum(self._cells[:_BUCKETS])

    @property
    def maximum(self) -> int:
        """The longest duration, exactly; 0 when there is none."""
        return int(self._cells[_BUCKETS])

    def quantile(self, share: float) -> int | None:
        """The duration that `share` of all do not exceed; None when there is none."""
        rank = max(1, -int(-share * self.count // 1))
        for place in range(_BUCKETS):
            rank -= self._cells[place]
            if rank <= 0:
                return min(_highest(place), self.maximum)
        return None


def _highest(place: int) -> int:
    """The longest duration that falls into a bucket."""
    if place < 2 * _STEPS:
        return place
    shift = (place >> _BITS) - 1
    return ((_STEPS + (place & _STEPS - 1) + 1) << shift) - 1
