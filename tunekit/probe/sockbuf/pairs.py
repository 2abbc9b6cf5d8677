"""Every pair of sizes: what it is granted and what it takes, said beforehand and measured."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from tunekit.kernel.readings import Value
from tunekit.kernel.sysctl import Sysctls
from tunekit.probe.model import Measurement, Scalar
from tunekit.probe.sockbuf import fit, granted, host, messages
from tunekit.probe.sockbuf.ends import Sizes, Transport
from tunekit.probe.sockbuf.fill import Filling, fill_all
from tunekit.probe.sockbuf.forecast import WRITE, forecast
from tunekit.probe.sockbuf.host import Segments, Sysctl
from tunekit.values import SysctlKey

SIZES: tuple[int | None, ...] = (None, 4096, 65536, 1 << 20)
"""What to try when nothing is said; None leaves the option alone."""

DATAGRAM = 1024
"""The bytes of a datagram when nothing is said: more than that may not fit the smallest buffer."""

_UNCERTAIN = "no forecast: autotuning follows the congestion window, which follows time"

# How much the kernel may hold for pairs that are filled side by side: a part of what TCP may use
# before it is short of memory, and never much.
_MOST_HELD = 256 << 20
_LEAST_HELD = 32 << 20


def measure(
    sndbuf: Sequence[int | None] = SIZES,
    rcvbuf: Sequence[int | None] = SIZES,
    *,
    transport: Transport = Transport.INET,
    congestion: str | None = None,
    message: int | None = None,
    drain: bool = False,
    observe: Callable[[str], None] | None = None,
) -> tuple[Measurement, ...]:
    """Measure each pair of sizes in bytes; None leaves an option alone.

    For each, `sockbuf.granted` for both options, then `sockbuf.accepted`, `sockbuf.unacked`,
    `sockbuf.unsent` and `sockbuf.unread` and what else there is to tell, with forecasts beside
    them. A forecast whose rules do not fit this kernel is left out and said to be. `drain` also
    reads until EPOLLOUT comes back. Raises ProbeRefused.
    """
    sysctls = host.sysctls()
    segments = host.scout(transport, congestion=congestion) if transport.is_tcp else None
    asked = [Sizes(send=send, receive=receive) for send in sndbuf for receive in rcvbuf]
    size = message or (DATAGRAM if transport.is_datagram else WRITE)
    figures: list[Measurement] = []
    for one in fill_all(
        asked,
        transport,
        budget=_budget(),
        automatic=sysctls.tcp_wmem[2],
        congestion=congestion,
        message=size,
        drain=drain or transport.is_datagram,
        observe=observe,
    ):
        figures += granted.of_pair(one.pair, transport, sysctls)
        figures += _filled(one, transport, size, segments, sysctls)
    return fit.judged(figures)


def _budget() -> int:
    reading = Sysctls().read(SysctlKey.parse("net.ipv4.tcp_mem"))
    if not isinstance(reading, Value):
        return _LEAST_HELD * 4
    pages = int(reading.text.split()[0])
    return min(_MOST_HELD, max(_LEAST_HELD, pages * os.sysconf("SC_PAGE_SIZE") // 4))


def _filled(
    one: Filling, transport: Transport, message: int, segments: Segments | None, sysctls: Sysctl
) -> Iterator[Measurement]:
    assert one.memory is not None
    assert one.received is not None
    sizes = one.pair.sizes
    said = (
        forecast(sizes.send, sizes.receive, segments=segments, sysctls=sysctls)
        if segments
        else None
    )
    parameters: dict[str, Scalar] = {
        "family": transport.value,
        "sndbuf": sizes.send,
        "rcvbuf": sizes.receive,
        "send_buffer": one.memory.send_buffer,
        "receive_buffer": one.received.receive_buffer,
        "message": message,
    }
    if segments is not None:
        parameters["congestion"] = segments.congestion
    if said is not None:
        parameters["segment"] = said.segment
    expected = said.accepted if said else None
    arrived = None
    if not transport.is_tcp:
        buffers = (one.memory.send_buffer, one.received.receive_buffer)
        outcome = messages.expected(buffers, message, transport)
        expected, arrived = outcome.accepted, outcome.arrived

    def figure(
        name: str, measured: int | None, predicted: int | None = None, unit: str = "B"
    ) -> Measurement:
        return Measurement(
            name=f"sockbuf.{name}",
            measured=measured,
            unit=unit,
            parameters=parameters,
            predicted=predicted,
        )

    accepted = figure("accepted", one.accepted, expected)
    if segments is not None and said is None and sizes.send is None:
        accepted = replace(accepted, note=_UNCERTAIN)
    if one.first is None:
        accepted = replace(accepted, note=f"never refused; stopped after {one.sends} sends")
    yield accepted
    if transport.is_tcp:
        yield figure("unacked", one.unacked, said.unacked if said else None)
        yield figure("unsent", one.unsent)
        yield figure("unread", one.unread, said.unread if said else None)
        yield figure("window", one.window)
    if one.arrived is not None:
        yield figure("arrived", one.arrived, arrived)
    if one.first is not None:
        yield figure("first_eagain", one.first)
    yield figure("refusals", one.refusals, unit="1")
    yield figure("partial_sends", one.partial, unit="1")
    yield figure("charged_sender", one.memory.queued if transport.is_tcp else one.memory.in_flight)
    yield figure("charged_receiver", one.received.received)
    if transport.is_tcp:
        yield Measurement(
            name="sockbuf.fill_time",
            measured=round(one.last - one.begun, 6),
            unit="s",
            parameters=parameters,
        )
    if one.writable is not None and one.first is not None:
        share = 3 if transport.is_tcp else 4
        free = one.memory.send_buffer
        yield replace(
            figure("writable", one.writable, free // 3 if share == 3 else free - free // 4),
            note="the least that must be free before EPOLLOUT comes back is predicted",
        )
