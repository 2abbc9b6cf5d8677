"""One part of the study at a time: measured, and put into words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunekit.errors import ProbeRefused
from tunekit.probe.model import Measurement
from tunekit.probe.sockbuf import distance, fit, granted, host, meaning, strategies
from tunekit.probe.sockbuf.arithmetic import Distance
from tunekit.probe.sockbuf.ends import Transport
from tunekit.probe.sockbuf.pairs import SIZES, measure
from tunekit.probe.sockbuf.part import Outcome, Part

QUICK_SIZES: tuple[int | None, ...] = (None, 65536)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to measure: sizes in bytes (None leaves an option to the kernel), each of `transports`,
    the congestion control of TCP senders (None: the default one), the bytes of one send (None: the
    usual), and a path's round trip in seconds and rate in bytes a second. `quick` measures less of
    everything that was not asked for.
    """

    sndbuf: tuple[int | None, ...] | None = None
    rcvbuf: tuple[int | None, ...] | None = None
    transports: tuple[Transport, ...] = (Transport.INET,)
    congestion: str | None = None
    message: int | None = None
    round_trip: float = distance.ROUND_TRIP
    rate: float | None = distance.RATE
    quick: bool = False

    @property
    def sizes(self) -> tuple[tuple[int | None, ...], tuple[int | None, ...]]:
        """The sizes of both options, the usual ones where none were given."""
        usual = QUICK_SIZES if self.quick else SIZES
        return self.sndbuf or usual, self.rcvbuf or usual


Observe = Callable[[str], None]


def run(part: Part, wanted: Wanted, observe: Observe | None = None) -> Outcome:
    """Do one part. Raises ProbeRefused when it cannot be done at all."""
    match part:
        case Part.GRANTED:
            return _granted(wanted)
        case Part.FILL:
            return _fill(wanted, observe)
        case Part.MEANING:
            return _meaning(wanted)
        case Part.STRATEGIES:
            return strategies.compare(
                sizes=wanted.sndbuf or ((65536,) if wanted.quick else (None, 65536)),
                message=wanted.message,
                congestion=wanted.congestion,
                quick=wanted.quick,
                observe=observe,
            )
        case Part.DISTANCE:
            usual = distance.QUICK_SIZES if wanted.quick else distance.SIZES
            return distance.measure(
                distance.Stretch(
                    distance=Distance(round_trip=wanted.round_trip, rate=wanted.rate),
                    sndbuf=wanted.sndbuf or usual,
                    rcvbuf=wanted.rcvbuf or usual,
                    congestion=wanted.congestion,
                ),
                observe,
            )


def _granted(wanted: Wanted) -> Outcome:
    sysctls = host.sysctls()
    send, receive = wanted.sizes
    figures: list[Measurement] = []
    notes: list[str] = []
    for transport in wanted.transports:
        try:
            figures += granted.sweep(transport, sysctls, sizes=(*send, *receive))
            if transport.is_tcp:
                segments = host.scout(transport, congestion=wanted.congestion)
                figures += granted.unset_when_connected(transport, sysctls, segments)
        except ProbeRefused as error:
            if len(wanted.transports) == 1:
                raise
            notes.append(f"{transport.value} was left out: {error}")
    return Outcome(
        measurements=tuple(figures),
        sentences=(_grants(figures), *_locks(figures)),
        notes=tuple(notes),
    )


def _locks(figures: Sequence[Measurement]) -> list[str]:
    """What SO_BUF_LOCK says of sizes that were set and of those that were not."""
    said = {
        (row.requested is not None, row.parameters["locked"])
        for row in figures
        if "locked" in row.parameters
    }
    if said == {(True, True), (False, False)}:
        return [
            "SO_BUF_LOCK says that each size that was set is locked, and that autotuning is on for "
            "TCP where none was."
        ]
    return []


def _meaning(wanted: Wanted) -> Outcome:
    sizes = wanted.sndbuf or (None, 65536)
    outcomes = [
        meaning.explain(message=wanted.message, congestion=wanted.congestion, send=size)
        for size in sizes
    ]
    outcomes.append(meaning.answer(congestion=wanted.congestion))
    return Outcome(
        measurements=tuple(row for outcome in outcomes for row in outcome.measurements),
        sentences=tuple(text for outcome in outcomes for text in outcome.sentences),
    )


def _grants(figures: Sequence[Measurement]) -> str:
    asked = [row for row in figures if row.granted is not None]
    said = [row for row in asked if row.predicted is not None]
    right = sum(row.predicted == row.granted for row in said)
    text = f"{right} of {len(said)} requests were granted exactly as the rules say"
    if len(said) < len(asked):
        text += f"; {len(asked) - len(said)} could not be predicted, their limit is not shown here"
    refused = len(figures) - len(asked)
    if refused:
        text += f"; {refused} need CAP_NET_ADMIN"
    if right < len(said):
        text += "; this kernel follows other rules for the rest"
    return f"{text}."


def _fill(wanted: Wanted, observe: Observe | None) -> Outcome:
    send, receive = wanted.sizes
    figures: list[Measurement] = []
    sentences: list[str] = []
    notes: list[str] = []
    for transport in wanted.transports:
        try:
            rows = measure(
                send,
                receive,
                transport=transport,
                congestion=wanted.congestion,
                message=wanted.message,
                drain=True,
                observe=observe,
            )
        except ProbeRefused as error:
            # A host without IPv6 has the other families all the same.
            if len(wanted.transports) == 1:
                raise
            notes.append(f"{transport.value} was left out: {error}")
            continue
        figures += rows
        sentences += _fits(rows, transport)
        sentences += _refusals(rows, transport)
    return Outcome(measurements=tuple(figures), sentences=tuple(sentences), notes=tuple(notes))


def _fits(rows: Sequence[Measurement], transport: Transport) -> list[str]:
    if fit.misfits(rows):
        return [
            f"The rules do not fit this kernel for {transport.value}: what they say is left out, "
            "and only what was measured stands."
        ]
    fitted = fit.of(rows)
    if fitted is None:
        return []
    return [
        f"{transport.value}: accepted bytes were forecast for {_pairs(fitted.count)}, the median "
        f"error was {fitted.median:.2%} and the worst {fitted.worst:.1%}; {fitted.within} of them "
        f"within {'two segments' if transport.is_tcp else '2 %'}."
    ]


def _refusals(rows: Sequence[Measurement], transport: Transport) -> list[str]:
    """When send was refused first, and when one was told that it may send again."""
    accepted = {_pair(row): row.measured for row in rows if row.name == fit.ACCEPTED}
    first = [
        row.measured / whole
        for row in rows
        if row.name == "sockbuf.first_eagain"
        and row.measured is not None
        and (whole := accepted.get(_pair(row)))
    ]
    free = [
        row.measured / buffer
        for row in rows
        if row.name == "sockbuf.writable"
        and row.measured is not None
        and isinstance(buffer := row.parameters["send_buffer"], int)
    ]
    said = []
    windows = [
        row.measured for row in rows if row.name == "sockbuf.window" and row.measured is not None
    ]
    if windows:
        closed = sum(window == 0 for window in windows)
        said.append(f"The advertised window ended at 0 in {closed} of {_pairs(len(windows))}.")
    if transport.is_tcp and first:
        said.append(
            f"The first EAGAIN came as early as at {min(first):.0%} of what was accepted in the "
            "end, while acknowledgements were still on their way."
        )
    if free:
        said.append(
            f"EPOLLOUT came back with {min(free):.0%} of the send buffer free at the least, when "
            f"the reader had gone on; the rule is {'a third' if transport.is_tcp else '3/4'}."
        )
    return said


def _pair(row: Measurement) -> tuple[object, object]:
    return row.parameters.get("sndbuf"), row.parameters.get("rcvbuf")


def _pairs(count: int) -> str:
    return f"{count} pair" if count == 1 else f"{count} pairs"
