"""Which curves a report has: what the terminal's chart and the plot in a file both draw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
            yield Picture(
                title=f"a blocking call, {words} ({family})",
                x=Axis(label="descriptors watched"),
                y=Axis(label="time of a call", unit="s"),
                curves=_by(
                    "mechanism",
                    "descriptors",
                    [row for row in of_family if _is_active(row, wanted)],
                ),
            )


def _is_active(row: Measurement, wanted: str) -> bool:
    about = row.parameters
    return about.get("active") == (1 if wanted == "one" else about["descriptors"])


def _sockbuf(measurements: Sequence[Measurement]) -> Iterator[Picture]:
    yield from _filled([row for row in measurements if row.name == "sockbuf.accepted"])
    yield _far([row for row in measurements if row.name == "sockbuf.throughput"])
    tried = [row for row in measurements if row.name == "sockbuf.strategy.throughput"]
    for reader in dict.fromkeys(row.parameters.get("reader") for row in tried):
        rows = [row for row in tried if row.parameters.get("reader") == reader]
        yield Picture(
            title=f"ways to send a large message to a {reader} reader",
            x=Axis(label="SO_SNDBUF asked for", unit="B"),
            y=Axis(label="throughput", unit="B/s"),
            curves=_by("strategy", "sender_buffer", rows),
        )


def _filled(filled: Sequence[Measurement]) -> Iterator[Picture]:
    for family in dict.fromkeys(row.parameters.get("family") for row in filled):
        rows = [row for row in filled if row.parameters.get("family") == family]
        yield Picture(
            title=f"what a sender gets rid of while nobody reads ({family})",
            x=Axis(label="send buffer granted", unit="B"),
            y=Axis(label="bytes accepted", unit="B"),
            curves=_by("rcvbuf", "send_buffer", rows, prefix="SO_RCVBUF "),
        )


def _far(carried: Sequence[Measurement]) -> Picture:
    """Throughput over a distance, with one of the two sizes set and the other left alone."""
    found = []
    for option, mine, other in (
        ("SO_SNDBUF", "sender_asked", "receiver_asked"),
        ("SO_RCVBUF", "receiver_asked", "sender_asked"),
    ):
        alone = [row for row in carried if row.parameters.get(other) is None]
        found.append(curve(f"{option} alone", mine, alone))
    return Picture(
        title="throughput over a distance",
        x=Axis(label="size asked for", unit="B"),
        y=Axis(label="throughput", unit="B/s"),
        curves=tuple(each for each in found if each is not None),
    )


def _by(
    parameter: str, x: str, rows: Sequence[Measurement], *, prefix: str = ""
) -> tuple[Curve, ...]:
    """A curve for each value of a parameter."""
    found = (
        curve(
            f"{prefix}{_shown(value)}",
            x,
            [row for row in rows if row.parameters.get(parameter) == value],
        )
        for value in dict.fromkeys(row.parameters.get(parameter) for row in rows)
    )
    return tuple(each for each in found if each is not None)


def _shown(value: Scalar) -> str:
    if value is None:
        return "auto"
    if not isinstance(value, int):
        return str(value)
    return size_of(value) if value >= 1024 else quantity(value, "B")


def size_of(number: float) -> str:
    """A size as one asks for it: `64 KiB` where it is a whole number of them."""
    for scale, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if number >= scale and number % scale == 0:
            return f"{int(number) // scale} {unit}"
    return quantity(number, "B")
