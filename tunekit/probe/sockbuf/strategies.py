"""Which way to send one large message is the best here: tried at several sizes and readers."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tunekit.probe.model import Measurement, Scalar
from tunekit.probe.sockbuf import ways
from tunekit.probe.sockbuf.ends import Sizes, Transport, connected
from tunekit.probe.sockbuf.part import Outcome
from tunekit.probe.sockbuf.reader import reading
from tunekit.probe.sockbuf.ways import Tally, Way

MESSAGE = 8 << 20
_PREFIX = "sockbuf.strategy."
_PATIENCE = 20.0
# What a reader sleeps after each 64 KiB: nothing, and what holds it to 32 MiB/s or less.
_FAST, _SLOW = 0.0, 0.002
_REPEATS = 3
_AS_FAST = 1.5
_SPINNING = (Way.BUSY.value, Way.ASK.value)
_WAITING = (Way.LEVEL.value, Way.EDGE.value, Way.LOWAT.value, Way.ZEROCOPY.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One message sent one way: what it took, CPU seconds of the sender, seconds until the reader
    had said that it has all of it, and how often the sender was put to sleep.
    """

    tally: Tally
    cpu: float
    seconds: float
    sleeps: int


def compare(
    *,
    sizes: Sequence[int | None],
    message: int | None,
    congestion: str | None,
    quick: bool,
    observe: Callable[[str], None] | None = None,
) -> Outcome:
    """Send a message each way, with each SO_SNDBUF and to a fast and a slow reader.

    Raises ProbeRefused where there can be no connection.
    """
    length = message or (MESSAGE // 4 if quick else MESSAGE)
    data = memoryview(bytes(length))
    figures: list[Measurement] = []
    notes: list[str] = []
    for pause in (_FAST, _SLOW):
        for size in sizes:
            if observe is not None:
                observe(f"sending {length} bytes {len(Way)} ways")
            for way in Way:
                try:
                    runs = [
                        _one(way, data, Sizes(send=size, receive=None), pause, congestion)
                        for _ in range(_REPEATS if pause == _FAST else 1)
                    ]
                except OSError as error:
                    notes.append(f"{way.value} cannot be tried here: {error.strerror or error}")
                    continue
                figures += _figures(way, runs, size, pause, length)
    return Outcome(
        measurements=tuple(figures),
        sentences=tuple(_verdict(figures)),
        notes=tuple(dict.fromkeys(notes)),
    )


def _one(way: Way, data: memoryview, sizes: Sizes, pause: float, congestion: str | None) -> Run:
    with (
        connected(sizes, Transport.INET, congestion=congestion) as pair,
        reading(pair.receiver, len(data), pause=pause),
    ):
        before = resource.getrusage(resource.RUSAGE_SELF)
        start = time.monotonic()
        tally = ways.send(way, pair.sender, data)
        after = resource.getrusage(resource.RUSAGE_SELF)
        pair.sender.settimeout(_PATIENCE)
        pair.sender.recv(1)
        return Run(
            tally=tally,
            cpu=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            seconds=time.monotonic() - start,
            sleeps=after.ru_nvcsw - before.ru_nvcsw,
        )


def _figures(
    way: Way, runs: Sequence[Run], size: int | None, pause: float, length: int
) -> Iterator[Measurement]:
    parameters: dict[str, Scalar] = {
        "strategy": way.value,
        "sender_buffer": size,
        "reader": "fast" if pause == _FAST else "slow",
        "message": length,
    }

    def figure(name: str, samples: Sequence[float], unit: str) -> Measurement:
        return Measurement(
            name=f"{_PREFIX}{name}",
            measured=median(samples),
            unit=unit,
            parameters=parameters,
            samples=tuple(samples),
            note="the kernel copied after all" if runs[0].tally.copied else "",
        )

    yield figure("calls", [run.tally.calls for run in runs], "1")
    yield figure("refused", [run.tally.refused for run in runs], "1")
    yield figure("wakeups", [run.tally.waits for run in runs], "1")
    yield figure("sleeps", [run.sleeps for run in runs], "1")
    yield figure("cpu", [run.cpu for run in runs], "s")
    yield figure("last_byte", [run.seconds for run in runs], "s")
    yield figure("throughput", [length / run.seconds for run in runs], "B/s")


def _verdict(figures: Sequence[Measurement]) -> Iterator[str]:
    """Name what costs the least CPU of the ways that are about as fast as the fastest."""
    cpu, seconds = _totals(figures, "cpu"), _totals(figures, "last_byte")
    if not cpu:
        return
    quick_enough = [way for way in cpu if seconds[way] <= _AS_FAST * min(seconds.values())]
    best = min(quick_enough, key=lambda way: cpu[way])
    yield (
        f"Best here: {best}. Over all cases it used {_ms(cpu[best])} of CPU, the least of those "
        f"whose last byte was read no more than {_AS_FAST - 1:.0%} later than the earliest."
    )
    waiting = [way for way in _WAITING if way in cpu]
    if best == Way.BLOCKING.value and waiting:
        other = min(waiting, key=lambda way: cpu[way])
        yield f"It needs a thread that may wait; without one, {other} ({_ms(cpu[other])})."
    spinning = [way for way in _SPINNING if way in cpu]
    if best not in spinning and spinning and waiting:
        times = " and ".join(f"{cpu[way] / cpu[best]:.0f} ({way})" for way in spinning)
        earliest = min(seconds[way] for way in spinning)
        gain = 1 - earliest / min(seconds[way] for way in (best, *waiting))
        bought = (
            f"the last byte {gain:.0%} sooner" if gain > _AS_FAST - 1 else "no earlier last byte"
        )
        yield f"The ways that never wait took {times} times its CPU time, for {bought}."
    refused = _totals(figures, "refused").get(Way.ASK.value)
    if refused:
        yield (
            f"Asking first does not prevent EAGAIN: {refused:.0f} sends were refused all the same, "
            "since SIOCOUTQ counts bytes and the buffer is charged for segments."
        )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _totals(figures: Sequence[Measurement], name: str) -> dict[str, float]:
    """The sum over all cases for each way that could be tried in all of them."""
    cases: dict[str, list[float]] = {}
    for row in figures:
        if row.name == f"{_PREFIX}{name}" and row.measured is not None:
            cases.setdefault(str(row.parameters["strategy"]), []).append(row.measured)
    most = max(map(len, cases.values()), default=0)
    return {way: sum(values) for way, values in cases.items() if len(values) == most}
