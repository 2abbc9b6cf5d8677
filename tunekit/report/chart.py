"""A picture in a terminal: marks on a grid of characters, in ASCII, with its axes.

A mark is a measured point; dots are what was predicted. Where two curves meet, the later one's mark
is on top.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from tunekit.report.escape import visible
from tunekit.report.layout import Page, prose
from tunekit.report.pictures import Axis, Curve, Picture, Point, size_of
from tunekit.report.quantities import quantity
from tunekit.report.style import Tone

HEIGHT = 12
_WIDEST = 72
_MARKS = "oxs+*#@%"
_PREDICTED = "."


def draw(picture: Picture, page: Page) -> list[str]:
    """Draw a picture within the page's width; nothing when it has nothing to show."""
    points = [point for each in picture.curves for point in (*each.measured, *each.predicted)]
    points = [point for point in points if _shows(point, picture)]
    if not points:
        return []
    across = _scale(picture.x, [x for x, _ in points])
    up = _scale(picture.y, [y for _, y in points])
    ticks = _ticks(picture.y, [y for _, y in points])
    margin = max(len(_label(tick, picture.y)) for tick in ticks) + 1
    width = min(page.width, _WIDEST) - margin - 2
    if width < 16:
        return []
    grid = [[" "] * width for _ in range(HEIGHT)]
    for marks in _layers(picture.curves):
        for (x, y), mark in marks:
            if _shows((x, y), picture):
                row = HEIGHT - 1 - round(up(y) * (HEIGHT - 1))
                grid[row][round(across(x) * (width - 1))] = mark
    labels = {HEIGHT - 1 - round(up(tick) * (HEIGHT - 1)): tick for tick in ticks}
    lines = prose(f"{visible(picture.y.label)}: {visible(picture.title)}", page, tone=Tone.HEAD)
    for number, cells in enumerate(grid):
        label = _label(labels[number], picture.y) if number in labels else ""
        lines.append(f"{label:>{margin}} |{''.join(cells)}".rstrip())
    lines.append(f"{'':>{margin}} +{'-' * width}")
    lines += _below(picture, margin + 2, width, across)
    legend = [f"{mark} {visible(each.label)}" for mark, each in _marked(picture.curves)]
    if any(each.predicted for each in picture.curves):
        legend.append(f"{_PREDICTED} predicted")
    return [*lines, *prose(", ".join(legend), page, indent=margin + 2, tone=Tone.DIM)]


def _marked(curves: Iterable[Curve]) -> list[tuple[str, Curve]]:
    return [(_MARKS[number % len(_MARKS)], each) for number, each in enumerate(curves)]


def _layers(curves: Iterable[Curve]) -> list[list[tuple[Point, str]]]:
    """Predictions first, so that a measured point is never hidden by one."""
    marked = _marked(curves)
    return [
        *([(point, _PREDICTED) for point in each.predicted] for _, each in marked),
        *([(point, mark) for point in each.measured] for mark, each in marked),
    ]


def _shows(point: Point, picture: Picture) -> bool:
    x, y = point
    return (x > 0 or not picture.x.log) and (y > 0 or not picture.y.log)


def _scale(axis: Axis, values: list[float]) -> Callable[[float], float]:
    """Where a value lies between the least, 0, and the greatest, 1."""
    place: Callable[[float], float] = math.log10 if axis.log else float
    least, greatest = place(min(values)), place(max(values))
    extent = greatest - least
    return lambda value: (place(value) - least) / extent if extent else 0.5


def _ticks(axis: Axis, values: list[float]) -> list[float]:
    """Values to write at an axis: its ends, and powers between them."""
    least, greatest = min(values), max(values)
    if not axis.log:
        return sorted({least, (least + greatest) / 2, greatest})
    # Sizes double where counts and times grow tenfold; a little is left for rounding.
    base = 2.0 if axis.unit.startswith("B") else 10.0
    low, high = math.log(least, base), math.log(greatest, base)
    powers = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    step = max(1, math.ceil(len(powers) / (HEIGHT // 2)))
    inner = [base**power for power in powers][::step]
    return inner if len(inner) > 1 else [least, greatest]


def _label(value: float, axis: Axis) -> str:
    if axis.unit == "B":
        return size_of(value)
    whole = int(value) if axis.unit == "1" and value == int(value) else value
    return quantity(whole, axis.unit)


def _below(
    picture: Picture, margin: int, width: int, across: Callable[[float], float]
) -> list[str]:
    """The x axis: labels where they have room, and what they are."""
    points = (point for each in picture.curves for point in each.measured)
    values = sorted({point[0] for point in points if _shows(point, picture)})
    line = [" "] * (margin + width)
    end = 0
    for value in values:
        text = _label(value, picture.x)
        middle = margin + round(across(value) * (width - 1))
        start = min(max(middle - len(text) // 2, 0), len(line) - len(text))
        if start >= end:
            line[start : start + len(text)] = text
            end = start + len(text) + 1
    return ["".join(line).rstrip(), f"{'':>{margin}}{visible(picture.x.label)}"]
