"""A report's pictures in a file, good enough for a talk: `--plot FILE.svg` or `FILE.png`.

matplotlib is an optional extra and is imported only when a file is asked for. Measured values are
points and predicted ones lines; each curve has a mark, a dash and a shade of its own, so that it
can be told from the others in grey.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunekit.errors import UsageError
from tunekit.report.escape import visible
from tunekit.report.pictures import Axis, Curve, Picture, size_of
from tunekit.report.quantities import quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES = (".svg", ".png")
_PANEL = (5.2, 3.9)
"""Inches of one picture."""
_DOTS = 150
# From dark to light, in another hue each: Okabe and Ito's palette, by luminance.
_STYLES = (
    ("#000000", "o", "-"),
    ("#0072b2", "s", "--"),
    ("#d55e00", "^", "-."),
    ("#009e73", "D", ":"),
    ("#cc79a7", "v", (0, (5, 1, 1, 1, 1, 1))),
    ("#e69f00", "X", (0, (1, 2))),
    ("#56b4e9", "P", (0, (7, 2))),
)


def check(path: Path) -> None:
    """See that a picture could be written there, before anything is measured for it.

    Raises UsageError.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{path.name!r} is no picture's name", key="--plot", hint="end it in .svg or .png"
        )
    if not path.parent.is_dir():
        raise UsageError(
            f"no folder {str(path.parent)!r}", key="--plot", hint=f"mkdir -p {path.parent}"
        )
    if find_spec("matplotlib") is None:
        raise UsageError(
            "drawing needs matplotlib, which is not installed",
            key="--plot",
            hint="pip install 'tunekit[plot]', or apt-get install python3-matplotlib",
        )


def draw(pictures: Sequence[Picture], suffix: str) -> bytes:
    """Draw pictures side by side; `suffix` is one of SUFFIXES. The same figures make the same
    bytes. Needs matplotlib.
    """
    import matplotlib
    from matplotlib.figure import Figure

    # Text stays text: small, and a reader's own fonts.
    settings: Any = {"svg.hashsalt": "tunekit", "svg.fonttype": "none", "font.size": 10}
    columns = 2 if len(pictures) > 1 else 1
    rows = math.ceil(len(pictures) / columns)
    drawn = BytesIO()
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(_PANEL[0] * columns, _PANEL[1] * rows), layout="constrained")
        for number, picture in enumerate(pictures, 1):
            _draw(figure.add_subplot(rows, columns, number), picture)
        figure.savefig(
            drawn,
            format=suffix.removeprefix("."),
            dpi=_DOTS,
            metadata={"Date": None} if suffix == ".svg" else None,
        )
    return drawn.getvalue()


def _draw(axes: Axes, picture: Picture) -> None:
    for number, curve in enumerate(picture.curves):
        _curve(axes, curve, *_STYLES[number % len(_STYLES)])
    axes.set_title(_text(picture.title), fontsize=11)
    _axis(axes, "x", picture.x)
    _axis(axes, "y", picture.y)
    axes.grid(True, which="major", linewidth=0.5, color="0.85")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if any(curve.predicted for curve in picture.curves):
        # One line that stands for all: the curves' own entries show their marks.
        axes.plot([], [], color="0.3", linestyle="-", linewidth=1, label="lines: predicted")
    axes.legend(frameon=False, fontsize=9)


def _curve(axes: Axes, curve: Curve, colour: str, mark: str, dash: Any) -> None:
    if curve.predicted:
        axes.plot(*_columns(curve.predicted), color=colour, linestyle=dash, linewidth=1.2)
    axes.plot(
        *_columns(curve.measured),
        color=colour,
        marker=mark,
        markersize=5.5,
        markerfacecolor="white",
        markeredgewidth=1.4,
        linestyle="none",
        label=_text(curve.label),
    )


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _axis(axes: Axes, name: str, axis: Axis) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    scale, label = (
        (axes.set_xscale, axes.set_xlabel) if name == "x" else (axes.set_yscale, axes.set_ylabel)
    )
    along = axes.xaxis if name == "x" else axes.yaxis
    if axis.log:
        # Sizes double where counts and times grow tenfold.
        base = 2 if axis.unit.startswith("B") else 10
        scale("log", base=base)
        along.set_major_locator(LogLocator(base=base, numticks=8))
    label(_text(axis.label))
    along.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, axis)))
    along.set_minor_formatter(NullFormatter())


def _tick(value: float, axis: Axis) -> str:
    """A number with its unit, as the tables write it, without digits that say nothing."""
    base, slash, per = axis.unit.partition("/")
    if base == "B":
        return f"{size_of(value)}{slash}{per}"
    text = quantity(int(value) if value == int(value) else value, axis.unit)
    number, blank, unit = text.partition(" ")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return f"{number}{blank}{unit}"


def _text(text: str) -> str:
    # Between dollars matplotlib would read mathematics.
    return visible(text).replace("$", r"\$")
