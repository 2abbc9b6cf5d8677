"""Throughput against both buffers over a path that really has a delay, and what to do about it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from tunekit.kernel.child import call
from tunekit.probe.model import Measurement, Scalar
from tunekit.probe.sockbuf import arithmetic, host, path, readings
from tunekit.probe.sockbuf.arithmetic import Distance, Limit
from tunekit.probe.sockbuf.ends import Transport
from tunekit.probe.sockbuf.host import Segments, Sysctl
from tunekit.probe.sockbuf.part import Outcome
from tunekit.probe.sockbuf.readings import TcpInfo

ROUND_TRIP = 0.02
RATE = 50e6
SIZES: tuple[int | None, ...] = (None, 65536, 262144, 1 << 20)
QUICK_SIZES: tuple[int | None, ...] = (None, 65536)
THROUGHPUT = "sockbuf.throughput"

_WRITE = 1 << 20
_GREETINGS = 5
# Round trips over which throughput is averaged: a window goes once around in each.
_BIN = 5
_DECISIVE = 0.3
_GOOD = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What to measure: the path, sizes of both options in bytes (None: left to the kernel) and the
    congestion control (None: the default one).
    """

    distance: Distance
    sndbuf: tuple[int | None, ...]
    rcvbuf: tuple[int | None, ...]
    congestion: str | None


def measure(stretch: Stretch, observe: Callable[[str], None] | None = None) -> Outcome:
    """Measure every pair in a child process with networks of its own.

    Nothing of them is left when it ends, however it ends. Raises ProbeRefused, saying what is
    missing, where there can be no such path.
    """
    return call(lambda: _measured(stretch, observe))


def _measured(stretch: Stretch, observe: Callable[[str], None] | None) -> Outcome:
    sysctls, local = host.sysctls(), host.scout(Transport.INET)
    asked = stretch.distance
    with path.stretched(round_trip=asked.round_trip, rate=asked.rate) as way:
        segments, found = _scouted(way, stretch, local)
        distance = replace(asked, round_trip=found)
        pairs = [(send, receive) for send in stretch.sndbuf for receive in stretch.rcvbuf]
        if observe is not None:
            observe(f"sending over {found * 1000:.1f} ms, {len(pairs)} pairs of sizes")
        rows = [
            _one(way, send, receive, stretch, distance, segments, sysctls)
            for send, receive in pairs
        ]
    figures = [row for row in rows if row is not None]
    return Outcome(
        measurements=(
            Measurement(
                name="sockbuf.round_trip",
                measured=found,
                unit="s",
                predicted=asked.round_trip,
                parameters={"path": way.kind},
            ),
            *figures,
        ),
        sentences=tuple(_said(figures, distance, way.kind, segments, sysctls)),
    )


def _scouted(way: path.Path, stretch: Stretch, local: Segments) -> tuple[Segments, float]:
    """How segments look on this path, and what a round trip takes when nothing else is sent: the
    shortest of a few handshakes.
    """
    times = []
    for _ in range(_GREETINGS):
        start = time.monotonic()
        sender = way.connect(None, None, stretch.congestion)
        times.append(time.monotonic() - start)
        info = readings.tcp_info(sender)
        name = readings.congestion(sender)
        sender.close()
        way.received()
    segments = replace(
        local,
        largest=info.advertised_segment,
        advertised=info.advertised_segment + local.advertised - local.largest,
        congestion=name,
    )
    return segments, min(times)


def _one(
    way: path.Path,
    send: int | None,
    receive: int | None,
    stretch: Stretch,
    distance: Distance,
    segments: Segments,
    sysctls: Sysctl,
) -> Measurement | None:
    settle, watch = spans(distance.round_trip)
    sender = way.connect(send, receive, stretch.congestion)
    try:
        begun = time.monotonic()
        _send_until(sender, begun + settle)
        before = readings.tcp_info(sender)
        _send_until(sender, begun + settle + watch)
        after = readings.tcp_info(sender)
        memory = readings.memory(sender)
        unsent = readings.unsent(sender)
    finally:
        sender.close()
    moments = [
        (moment, total)
        for moment, total in way.received()
        if begun + settle <= moment <= begun + settle + watch
    ]
    rates = _rates(moments, least=_BIN * distance.round_trip)
    if not rates:
        return None
    rate = median(rates)
    said = arithmetic.carried(send, receive, distance, segments, sysctls)
    shares = _shares(before, after)
    full = unsent == 0 and memory.queued >= 0.6 * memory.send_buffer
    parameters: dict[str, Scalar] = {
        "path": way.kind,
        "sender_asked": send,
        "receiver_asked": receive,
        "send_buffer": memory.send_buffer,
        "segment": after.segment,
        "congestion": segments.congestion,
        "congestion_window": after.congestion_window,
        "round_trip": after.round_trip / 1e6,
        "held_back_by": _held_back(shares, rate, distance, full=full).value,
        "expected_limit": said.limit.value if said else None,
        **shares,
    }
    return Measurement(
        name=THROUGHPUT,
        measured=rate,
        unit="B/s",
        parameters=parameters,
        predicted=said.rate if said else None,
        samples=tuple(rates),
    )


def _rates(moments: Sequence[tuple[float, int]], *, least: float) -> list[float]:
    """The throughput of each `least` seconds: one in which the host was busy with something else
    does not count for the others.
    """
    rates = []
    begun, had = moments[0] if moments else (0.0, 0)
    for moment, has in moments:
        if moment - begun >= least:
            rates.append((has - had) / (moment - begun))
            begun, had = moment, has
    return rates


def spans(round_trip: float) -> tuple[float, float]:
    """How long a pair is left to settle and is watched then, in seconds: many round trips, but of
    long ones no more than it takes.
    """
    return (
        max(0.3, min(15 * round_trip, max(2.0, 4 * round_trip))),
        max(0.5, min(30 * round_trip, max(3.0, (_BIN + 1) * round_trip))),
    )


def _send_until(sender: socket.socket, deadline: float) -> None:
    data = bytes(_WRITE)
    while (left := deadline - time.monotonic()) > 0:
        sender.settimeout(left)
        try:
            sender.send(data)
        except TimeoutError:
            return


def _shares(before: TcpInfo, after: TcpInfo) -> dict[str, Scalar]:
    """What part of the time that it was busy the connection was held back by either buffer."""

    def rise(name: str) -> int | None:
        low, high = getattr(before, name), getattr(after, name)
        return None if low is None or high is None else high - low

    busy = rise("busy")
    found: dict[str, Scalar] = {}
    for name in ("window_limited", "buffer_limited"):
        part = rise(name)
        found[name] = None if not busy or part is None else round(min(1.0, part / busy), 3)
    return found


def _held_back(shares: dict[str, Scalar], rate: float, distance: Distance, *, full: bool) -> Limit:
    """Name what held it back: what TCP_INFO says where it is decisive, else the path when it was
    full, else the buffer when all of it was on its way.
    """
    by_window, by_buffer = (
        float(shares[name] or 0.0) for name in ("window_limited", "buffer_limited")
    )
    if distance.rate is not None and rate >= _GOOD * distance.rate:
        return Limit.PATH
    if max(by_window, by_buffer) >= _DECISIVE:
        return Limit.RECEIVE if by_window >= by_buffer else Limit.SEND
    return Limit.SEND if full else Limit.CONGESTION


def _said(
    figures: Sequence[Measurement],
    distance: Distance,
    kind: str,
    segments: Segments,
    sysctls: Sysctl,
) -> Iterator[str]:
    """Say which path it was, how the forecasts did, and the advice that follows."""
    rate = "no limit" if distance.rate is None else f"{_mbit(distance.rate)}"
    product = distance.product
    filled = "" if product is None else f"; {product / 1024:.0f} KiB fill it"
    yield f"Path: {kind}, {distance.round_trip * 1000:.1f} ms, {rate}{filled}."
    errors = [
        abs(row.predicted - row.measured) / row.measured
        for row in figures
        if row.predicted is not None and row.measured
    ]
    if errors:
        near = sum(error <= 0.2 for error in errors)
        yield (
            f"The median error of the forecasts was {median(errors):.0%}; {near} of "
            f"{len(errors)} lie within 20%."
        )
    yield from _advice(figures, distance, segments, sysctls)


def _advice(
    figures: Sequence[Measurement], distance: Distance, segments: Segments, sysctls: Sysctl
) -> Iterator[str]:
    rates = {
        (row.parameters["sender_asked"], row.parameters["receiver_asked"]): row.measured or 0.0
        for row in figures
    }
    if not rates:
        return
    best = max(rates.values())
    goal = best if distance.rate is None else distance.rate
    size = arithmetic.needed(goal, distance, segments, sysctls)
    limits = (
        f"net.core.wmem_max and net.core.rmem_max must be at least {size}, "
        f"and autotuning needs tcp_wmem[2] and tcp_rmem[2] of {2 * size}"
    )
    short = [
        f"{key} ({has})"
        for key, has, wants in (
            ("net.core.wmem_max", sysctls.wmem_max, size),
            ("net.core.rmem_max", sysctls.rmem_max, size),
            ("net.ipv4.tcp_wmem[2]", sysctls.tcp_wmem[2], 2 * size),
            ("net.ipv4.tcp_rmem[2]", sysctls.tcp_rmem[2], 2 * size),
        )
        if has is not None and has < wants
    ]
    state = f"too small here: {', '.join(short)}" if short else "they are, here"
    automatic = rates.get((None, None))
    if automatic is not None and automatic >= _GOOD * best:
        yield (f"Leave autotuning on: it carried {_mbit(automatic)}, and no size notably more.")
        yield f"Who sets a size must ask for {size} bytes on both ends; {limits}: {state}."
        return
    if automatic is not None:
        yield f"Autotuning carried {_mbit(automatic)} of {_mbit(best)}."
    yield f"To carry {_mbit(goal)}, ask for {size} bytes on both ends; {limits}: {state}."


def _mbit(rate: float) -> str:
    return f"{rate * 8 / 1e6:.0f} Mbit/s"
