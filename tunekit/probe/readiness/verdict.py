"""What the figures say, in words. Pure: nothing here knows a figure but those that come in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tunekit.probe.model import Measurement, Scalar
from tunekit.probe.readiness.laws import CALIBRATED, Line, line
from tunekit.probe.readiness.model import Mechanism, Wait

_SCANNING = (Mechanism.SELECT.value, Mechanism.POLL.value)
_WATCHING = (Mechanism.LEVEL.value, Mechanism.EDGE.value)
_POLL, _EPOLL, _EDGE = Mechanism.POLL.value, Mechanism.LEVEL.value, Mechanism.EDGE.value
_NEARLY = 1.2
"""A ratio that is less is called alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """One thing that the figures say: what it is about, the sentence, and the numbers in it."""

    topic: str
    sentence: str
    figures: Mapping[str, Scalar] = field(default_factory=dict)


class Figures:
    """The figures of one family, by what one asks for."""

    def __init__(self, measurements: Sequence[Measurement], family: str) -> None:
        self._rows = [
            row
            for row in measurements
            if row.parameters.get("family") == family and row.measured is not None
        ]

    def curve(
        self, name: str, mechanism: str, *, active: str = "one", wait: str | None = None
    ) -> list[tuple[int, float]]:
        """Pairs of descriptors and seconds; `active` is `one`, `all`, or `none` for neither."""
        points = {}
        for row in self._rows:
            about = row.parameters
            size = about["descriptors"]
            wanted = {"one": 1, "all": size}.get(active)
            if (row.name, about.get("mechanism")) != (name, mechanism):
                continue
            if about.get("active") == wanted and about.get("timeout") == wait:
                points[int(size or 0)] = float(row.measured or 0)
        return sorted(points.items())

    def waits(self, mechanism: str, active: str = "one") -> list[tuple[int, float]]:
        """The calls that block, as those of servers do."""
        return self.curve("readiness.wait", mechanism, active=active, wait=Wait.BLOCKING.value)


def conclude(measurements: Sequence[Measurement], *, budget: float) -> tuple[Conclusion, ...]:
    """Say what the figures mean, for each family; `budget` is the seconds that a call may take."""
    families = dict.fromkeys(
        str(row.parameters["family"]) for row in measurements if row.name == "readiness.wait"
    )
    found: list[Conclusion] = []
    for family in families:
        figures = Figures(measurements, family)
        prefix = f"{family}: " if len(families) > 1 else ""
        for each in _family(figures, budget):
            found.append(
                Conclusion(
                    topic=each.topic,
                    sentence=f"{prefix}{each.sentence}",
                    figures={"family": family, **each.figures},
                )
            )
    return (*found, *_cross_check(measurements, *list(families)[:1]))


def _family(figures: Figures, budget: float) -> Iterator[Conclusion]:
    yield from _overtaking(figures)
    yield from _slopes(figures)
    yield from _flatness(figures)
    yield from _all_active(figures)
    yield from _churn(figures)
    yield from _budget(figures, budget)
    yield from _per_connection(figures)


def _overtaking(figures: Figures) -> Iterator[Conclusion]:
    epoll = figures.waits(_EPOLL)
    for other in _SCANNING:
        theirs = dict(figures.waits(other))
        pairs = [(size, theirs[size], mine) for size, mine in epoll if size in theirs]
        if not pairs:
            continue
        where = crossing(pairs)
        largest, slow, fast = pairs[-1]
        gain = (
            f"at {largest:,} a call of {other} takes {_time(slow)} and one of epoll {_time(fast)}"
        )
        if where is None and slow > fast:
            smallest = pairs[0][0]
            text = f"with one active, epoll is quicker than {other} from {smallest} descriptors on"
        elif where is None:
            text = f"with one active, epoll does not overtake {other} up to {largest:,} descriptors"
        else:
            text = f"with one active, epoll overtakes {other} at about {where:.0f} descriptors"
        yield Conclusion(
            topic="overtaking",
            sentence=f"{text}; {gain}",
            figures={"mechanism": other, "descriptors": where, "ratio": slow / fast},
        )


def crossing(pairs: Sequence[tuple[int, float, float]]) -> float | None:
    """Where the first of two curves begins to be above the second, straight between two points.

    None when it is so from the first point on, or never.
    """
    for (x0, a0, b0), (x1, a1, b1) in pairwise(pairs):
        if a0 <= b0 and a1 > b1:
            before, after = b0 - a0, a1 - b1
            return x0 + (x1 - x0) * before / (before + after)
    return None


def _slopes(figures: Figures) -> Iterator[Conclusion]:
    for mechanism in (*_SCANNING, *_WATCHING):
        points = figures.waits(mechanism)
        fitted = line([(float(size), seconds) for size, seconds in points])
        if fitted is None:
            continue
        text = f"{mechanism} adds {slope(fitted)} a descriptor"
        if mechanism in _SCANNING and points[-1][0] > CALIBRATED:
            (x0, y0), (x1, y1) = points[-2:]
            text += (
                f" over the whole ladder, and {_nanoseconds((y1 - y0) / (x1 - x0))} beyond "
                f"{x0:,}, where what it walks over is no longer in the cache"
                if (y1 - y0) / (x1 - x0) > 1.5 * fitted.slope
                else ""
            )
        yield Conclusion(
            topic="slope",
            sentence=text,
            figures={"mechanism": mechanism, "slope": fitted.slope, "error": fitted.error},
        )


def slope(fitted: Line) -> str:
    """A slope with its error, in nanoseconds."""
    digits = 0 if fitted.error >= 1e-9 else 2 if fitted.error >= 1e-11 else 4
    # Adding 0.0 makes of -0.0 what it is.
    rounded = round(fitted.slope * 1e9, digits) + 0.0
    return f"{rounded:.{digits}f} ± {fitted.error * 1e9:.{digits}f} ns"


def _flatness(figures: Figures) -> Iterator[Conclusion]:
    for mechanism in _WATCHING:
        points = figures.waits(mechanism)
        fitted = line([(float(size), seconds) for size, seconds in points])
        if fitted is None:
            continue
        (x0, y0), (x1, y1) = points[0], points[-1]
        grown = y1 / y0 - 1
        course = f"{_time(y0)} at {x0:,} descriptors and {_time(y1)} at {x1:,} ({grown:+.0%})"
        if fitted.is_flat:
            text = f"{mechanism} is flat: {course}, a slope that cannot be told from none"
        elif grown < _NEARLY - 1:
            text = f"{mechanism} is all but flat: {course}"
        else:
            text = f"{mechanism} is not quite flat: {course}"
        yield Conclusion(
            topic="flatness",
            sentence=text,
            figures={"mechanism": mechanism, "growth": grown, "flat": fitted.is_flat},
        )


def _all_active(figures: Figures) -> Iterator[Conclusion]:
    poll = dict(figures.waits(_POLL, "all"))
    for mechanism in _WATCHING:
        common = [(size, mine) for size, mine in figures.waits(mechanism, "all") if size in poll]
        if not common:
            continue
        ratios = {size: mine / poll[size] for size, mine in common}
        size, mine = common[-1]
        least, most = min(ratios.values()), max(ratios.values())
        if least > _NEARLY:
            text = f"{mechanism} is worse than poll: {least:.1f} to {most:.1f} times its time"
        elif most < 1 / _NEARLY:
            text = f"{mechanism} is still better: {least:.2f} to {most:.2f} of poll's time"
        else:
            text = f"{mechanism} is no better than poll: {least:.1f} to {most:.1f} of its time"
        yield Conclusion(
            topic="all active",
            sentence=f"with every descriptor active {text}; at {size:,} a call takes {_time(mine)} "
            f"and poll's {_time(poll[size])}",
            figures={"mechanism": mechanism, "least": least, "most": most},
        )


def _churn(figures: Figures) -> Iterator[Conclusion]:
    costs = {
        name: dict(figures.curve(f"readiness.{name}", _EPOLL, active="none"))
        for name in ("register", "modify", "remove")
    }
    poll, epoll = dict(figures.waits(_POLL)), dict(figures.waits(_EPOLL))
    sizes = sorted(set(costs["register"]) & set(poll) & set(epoll))
    if not sizes:
        return
    size = min(sizes, key=lambda each: abs(each - CALIBRATED))
    register, modify, remove = (costs[name][size] for name in ("register", "modify", "remove"))
    changes = max(0.0, poll[size] - epoll[size]) / modify
    yield Conclusion(
        topic="churn",
        sentence=f"at {size:,} descriptors epoll_ctl takes {_time(register)} to add, "
        f"{_time(modify)} to modify and {_time(remove)} to remove one: what epoll saves against "
        f"poll is used up by {changes:,.0f} modifications a call, or by "
        f"{changes * modify / (register + remove):,.0f} descriptors that come and go; poll changes "
        "its array for nothing",
        figures={
            "descriptors": size,
            "register": register,
            "modify": modify,
            "remove": remove,
            "changes": changes,
        },
    )


def _budget(figures: Figures, budget: float) -> Iterator[Conclusion]:
    parts = []
    numbers: dict[str, Scalar] = {"budget": budget}
    for mechanism in (*_SCANNING, *_WATCHING):
        points = figures.waits(mechanism)
        if not points:
            continue
        most = within(points, budget)
        numbers[mechanism] = most
        if most is None:
            size, seconds = points[-1]
            parts.append(f"{mechanism} all {size:,} that it was tried with ({_time(seconds)})")
        else:
            parts.append(f"{mechanism} about {most:,.0f}")
    if parts:
        yield Conclusion(
            topic="budget",
            sentence=f"a call of at most {_time(budget)} with one active allows: "
            + ", ".join(parts),
            figures=numbers,
        )


def within(points: Sequence[tuple[int, float]], budget: float) -> float | None:
    """How many descriptors stay within a budget, straight between two sizes; None for all."""
    if points[0][1] > budget:
        return 0
    for (x0, y0), (x1, y1) in pairwise(points):
        if y0 <= budget < y1:
            return x0 + (x1 - x0) * (budget - y0) / (y1 - y0)
    return None


def _per_connection(figures: Figures) -> Iterator[Conclusion]:
    loop = dict(figures.curve("readiness.echo", _EPOLL))
    full = dict(figures.curve("readiness.echo", _EPOLL, active="all"))
    for mechanism in (Mechanism.THREAD.value, Mechanism.PROCESS.value):
        ones = figures.curve("readiness.echo", mechanism)
        every = dict(figures.curve("readiness.echo", mechanism, active="all"))
        memory = dict(figures.curve("readiness.memory", mechanism, active="none"))
        common = [size for size, _ in ones if size in loop and size in full and size in every]
        if not common:
            continue
        size = common[-1]
        cost = f" and {memory[size] / 1024:,.0f} KiB a connection" if memory.get(size) else ""
        yield Conclusion(
            topic="per connection",
            sentence=f"a {mechanism} for each of {size:,} connections takes "
            f"{dict(ones)[size] / loop[size]:.1f} times the time of an epoll loop for a single "
            f"message, {every[size] / full[size]:.1f} times when all have one{cost}",
            figures={
                "mechanism": mechanism,
                "descriptors": size,
                "one": dict(ones)[size] / loop[size],
                "all": every[size] / full[size],
            },
        )


def _cross_check(measurements: Sequence[Measurement], family: str = "") -> Iterator[Conclusion]:
    """Set the slope of another program's round trip beside that of a call here."""
    theirs, mine = Figures(measurements, "udp"), Figures(measurements, family)
    parts = []
    numbers: dict[str, Scalar] = {}
    for mechanism in (*_SCANNING, _EPOLL):
        other = theirs.curve("readiness.sockperf", mechanism)
        calls = dict(mine.curve("readiness.wait", mechanism, wait=Wait.NOW.value))
        if len(other) < 2 or not all(size in calls for size in (other[0][0], other[-1][0])):
            continue
        (x0, y0), (x1, y1) = other[0], other[-1]
        their_slope, my_slope = (y1 - y0) / (x1 - x0), (calls[x1] - calls[x0]) / (x1 - x0)
        numbers |= {f"{mechanism} there": their_slope, f"{mechanism} here": my_slope}
        parts.append(f"{mechanism} {their_slope * 1e9:.1f} and {my_slope * 1e9:.1f} ns")
    if parts:
        yield Conclusion(
            topic="cross-check",
            sentence="what a descriptor adds to sockperf's round trip, and to a call with timeout "
            "0 here: " + ", ".join(parts),
            figures=numbers,
        )


def _time(seconds: float) -> str:
    for scale, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def _nanoseconds(seconds: float) -> str:
    return f"{seconds * 1e9:.0f} ns"
