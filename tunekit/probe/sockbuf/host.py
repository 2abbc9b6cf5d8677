"""What the forecasts need to know of this kernel: its sysctls, and what a scout sees.

The scout is a connection of its own, never the one that is measured. It tells what one segment
costs beside its payload, how large a segment may be, and whether the receive window follows what
segments really cost (scaling_ratio, Linux 6.6, dfa2f0483360) or is half the buffer for good.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from tunekit.kernel.readings import Value
from tunekit.kernel.sysctl import Sysctls
from tunekit.probe.sockbuf import readings
from tunekit.probe.sockbuf.ends import Sizes, Transport, connected
from tunekit.values import SysctlKey

_SCOUT_BUFFER = 65536
_PATIENCE = 2.0
# TCPOLEN_TSTAMP_ALIGNED: what the timestamps option takes of each segment.
_TIMESTAMPS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """How TCP over one family cuts bytes up here, in bytes.

    `overhead` is what a segment is charged beside its payload, `largest` the payload of the
    largest one and `advertised` the same without the room for options. `adaptive` says that the
    window follows what segments cost. `congestion` is the congestion control's name.
    """

    overhead: int
    largest: int
    advertised: int
    adaptive: bool
    congestion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sysctl:
    """The limits and defaults of buffers, in bytes; None where this namespace does not show it."""

    wmem_max: int | None
    rmem_max: int | None
    wmem_default: int | None
    rmem_default: int | None
    tcp_wmem: tuple[int, int, int]
    tcp_rmem: tuple[int, int, int]


def sysctls() -> Sysctl:
    """Read them as the calling thread's network namespace shows them."""
    tree = Sysctls()

    def fields(key: str) -> list[int] | None:
        reading = tree.read(SysctlKey.parse(key))
        return [int(word) for word in reading.text.split()] if isinstance(reading, Value) else None

    def single(key: str) -> int | None:
        found = fields(f"net.core.{key}")
        return found[0] if found else None

    def triple(key: str, default: tuple[int, int, int]) -> tuple[int, int, int]:
        found = fields(f"net.ipv4.{key}")
        return (found[0], found[1], found[2]) if found else default

    return Sysctl(
        wmem_max=single("wmem_max"),
        rmem_max=single("rmem_max"),
        wmem_default=single("wmem_default"),
        rmem_default=single("rmem_default"),
        # tcp_init() in net/ipv4/tcp.c; always there where /proc/sys is.
        tcp_wmem=triple("tcp_wmem", (4096, 16384, 4194304)),
        tcp_rmem=triple("tcp_rmem", (4096, 131072, 6291456)),
    )


def scout(transport: Transport, *, congestion: str | None = None) -> Segments:
    """Send one byte, then one segment, over a connection made for the purpose.

    Raises ProbeRefused where there can be no connection.
    """
    sizes = Sizes(send=None, receive=_SCOUT_BUFFER)
    with connected(sizes, transport, congestion=congestion) as pair:
        sender, receiver = pair.sender, pair.receiver
        sender.sendall(b"x")
        _until_unread(pair.receiver, 1)
        overhead = readings.memory(receiver).received - 1
        receiver.recv(1)
        before = readings.tcp_info(sender)
        sender.sendall(bytes(_SCOUT_BUFFER // 2))
        _until_unread(receiver, _SCOUT_BUFFER // 2)
        seen = readings.tcp_info(receiver)
        buffer = readings.memory(receiver).receive_buffer
        return Segments(
            overhead=overhead,
            largest=before.advertised_segment,
            advertised=before.advertised_segment + (_TIMESTAMPS if before.timestamps else 0),
            adaptive=seen.receive_threshold > buffer // 2,
            congestion=readings.congestion(sender),
        )


def _until_unread(receiver: socket.socket, wanted: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while readings.unread(receiver) < wanted and time.monotonic() < deadline:
        pass
