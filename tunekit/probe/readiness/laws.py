"""What the small sizes promise: the cost of a call as a law of descriptors and activity.

    a + b N + c k + d N / (k + 1)

for N descriptors of which k are active: every call has a cost of its own, poll and select look at
each descriptor, every mechanism hands out each active one, and a blocking poll or select enters the
wait queue of each descriptor up to the first active one, which is N / (k + 1) of them when the
active ones are random (do_poll and do_select, fs/select.c). For epoll b and d are expected to be
nothing. The law is fitted to the sizes that stay in the processor's cache, and never to the figure
that it is to predict.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tunekit.probe.readiness.model import Cell, Mechanism, Wait

CALIBRATED = 1000
"""The largest size that the law is fitted to."""

_LOOKS_AT_ALL = (Mechanism.SELECT, Mechanism.POLL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight line with the standard error of its slope."""

    start: float
    slope: float
    error: float

    @property
    def is_flat(self) -> bool:
        """Tell whether the slope cannot be told from nothing (two standard errors)."""
        return abs(self.slope) <= 2 * self.error


def line(points: Sequence[tuple[float, float]]) -> Line | None:
    """Fit y = start + slope * x, each point weighing by its relative error; None of under 3.

    Weights are 1/y**2: on a ladder of sizes the largest would otherwise decide alone.
    """
    points = [(x, y) for x, y in points if y > 0]
    if len(points) < 3:
        return None
    fitted = least_squares([((1.0, x), y) for x, y in points])
    if fitted is None:
        return None
    start, slope = fitted
    weights = [1 / y**2 for _, y in points]
    total = sum(weights)
    middle = sum(w * x for w, (x, _) in zip(weights, points, strict=True)) / total
    spread = sum(w * (x - middle) ** 2 for w, (x, _) in zip(weights, points, strict=True))
    left = sum(w * (y - start - slope * x) ** 2 for w, (x, y) in zip(weights, points, strict=True))
    error = math.sqrt(left / (len(points) - 2) / spread)
    return Line(start=start, slope=slope, error=error)


def least_squares(rows: Sequence[tuple[Sequence[float], float]]) -> list[float] | None:
    """Coefficients that make the relative errors of the rows small; None when they do not decide.

    Solves the normal equations by elimination: there are four unknowns at most.
    """
    scaled = [([x / y for x in xs], 1.0) for xs, y in rows if y > 0]
    if not scaled or len(scaled) < len(rows[0][0]):
        return None
    size = len(rows[0][0])
    matrix = [
        [sum(xs[i] * xs[j] for xs, _ in scaled) for j in range(size)]
        + [sum(xs[i] * y for xs, y in scaled)]
        for i in range(size)
    ]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(matrix[row][column]))
        matrix[column], matrix[pivot] = matrix[pivot], matrix[column]
        head = matrix[column][column]
        if abs(head) < 1e-12 * max(abs(each) for row in matrix for each in row):
            return None
        for row in range(size):
            if row != column:
                factor = matrix[row][column] / head
                matrix[row] = [
                    mine - factor * theirs
                    for mine, theirs in zip(matrix[row], matrix[column], strict=True)
                ]
    return [matrix[i][size] / matrix[i][i] for i in range(size)]


def predict(medians: Mapping[Cell, float]) -> dict[Cell, float]:
    """Predict each figure from others of its kind at sizes up to CALIBRATED.

    Takes and gives seconds. A figure that the others do not decide is left out.
    """
    predictions = {}
    for kind in _kinds(medians):
        known = [cell for cell in kind if cell.descriptors <= CALIBRATED]
        for cell in kind:
            rows = [(_terms(other), medians[other]) for other in known if other != cell]
            if (law := least_squares(rows)) is not None:
                value = sum(factor * term for factor, term in zip(law, _terms(cell), strict=True))
                if value > 0:
                    predictions[cell] = value
    return predictions


def _kinds(cells: Iterable[Cell]) -> list[list[Cell]]:
    groups: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.name, cell.mechanism, cell.wait), []).append(cell)
    return list(groups.values())


def _terms(cell: Cell) -> tuple[float, ...]:
    """What the cost of a figure is made of; the sets of epoll are trees, for register and so on."""
    size = float(cell.descriptors)
    if cell.active is None:
        return (1.0, math.log2(size))
    if cell.mechanism not in _LOOKS_AT_ALL:
        return (1.0, float(cell.active))
    terms = (1.0, size, float(cell.active))
    return terms if cell.wait is Wait.NOW else (*terms, size / (cell.active + 1))
