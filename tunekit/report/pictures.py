"""Which curves a report has: what the terminal's chart and the plot in a file both draw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tunekit.probe.model import Measurement, Scalar
from tunekit.report.model import Report
from tunekit.report.quantities import quantity

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What is along an axis, and its unit: `s`, `B`, `1` for a count, or another word."""

    label: str
    unit: str = "1"
    log: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Points that were measured and those that were predicted, each by x."""

    label: str
    measured: tuple[Point, ...]
    predicted: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Curves on the same two axes."""

    title: str
    x: Axis
    y: Axis
    curves: tuple[Curve, ...]


def pictures(report: Report) -> tuple[Picture, ...]:
    """The pictures that a report can be drawn as, the most telling first; none for most."""
    found = (*_readiness(report.measurements), *_sockbuf(report.measurements))
    return tuple(picture for picture in found if picture.curves)


def curve(label: str, x: str, rows: Iterable[Measurement]) -> Curve | None:
    """Make a curve of measurements by one of their parameters; None of fewer than two points."""
    found = sorted(
        (float(row.parameters[x] or 0), row)
        for row in rows
        if row.measured is not None and row.parameters.get(x) is not None
    )
    if len(found) < 2:
        return None
    return Curve(
        label=label,
        measured=tuple((place, float(row.measured or 0)) for place, row in found),
        predicted=tuple(
            (place, float(row.predicted)) for place, row in found if row.predicted is not None
        ),
    )


def _readiness(measurements: Iterable[Measurement]) -> Iterator[Picture]:
    waits = [
        row
        for row in measurements
        if row.name == "readiness.wait" and row.parameters.get("timeout") == "none"
    ]
    for family in dict.fromkeys(row.parameters["family"] for row in waits):
        of_family = [row for row in waits if row.parameters["family"] == family]
        for words, wanted in (("one of them active", "one"), ("all of them active", "all")):
            rows = [row for row in of_family if _is_active(row, wanted)]
            names = dict.fromkeys(str(row.parameters["mechanism"]) for row in rows)
            curves = (
                curve(
                    name,
                    "descriptors",
                    [row for row in rows if row.parameters["mechanism"] == name],
                )
                for name in names
            )
            yield Picture(
                title=f"a blocking call, {words} ({family})",
                x=Axis(label="descriptors watched"),
                y=Axis(label="time of a call", unit="s"),
                curves=tuple(each for each in curves if each is not None),
            )


def _is_active(row: Measurement, wanted: str) -> bool:
    about = row.parameters
    return about.get("active") == (1 if wanted == "one" else about["descriptors"])


def _sockbuf(measurements: Iterable[Measurement]) -> Iterator[Picture]:
    filled = [row for row in measurements if row.name == "sockbuf.accepted"]
    for family in dict.fromkeys(row.parameters["family"] for row in filled):
        rows = [row for row in filled if row.parameters["family"] == family]
        sizes = dict.fromkeys(row.parameters.get("rcvbuf") for row in rows)
        curves = (
            curve(
                f"SO_RCVBUF {_size(size)}",
                "send_buffer",
                [row for row in rows if row.parameters.get("rcvbuf") == size],
            )
            for size in sizes
        )
        yield Picture(
            title=f"what a sender is taken while nobody reads ({family})",
            x=Axis(label="send buffer granted", unit="B"),
            y=Axis(label="bytes accepted", unit="B"),
            curves=tuple(each for each in curves if each is not None),
        )


def _size(size: Scalar) -> str:
    return "auto" if size is None else quantity(int(size), "B")
