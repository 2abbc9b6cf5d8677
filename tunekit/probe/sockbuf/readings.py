"""What the kernel says of a socket while it is used."""

from __future__ import annotations

import socket
import struct
import sys
from dataclasses import dataclass

# <linux/sockios.h>; SIOCINQ and SIOCOUTQ share their numbers with the terminal's ioctls.
_SIOCINQ, _SIOCOUTQ, _SIOCOUTQNSD = 0x541B, 0x5411, 0x894B
# include/uapi/asm-generic/socket.h; Python has no names for them.
_SO_MEMINFO, _SO_BUF_LOCK = 55, 72
_TCP_INFO_ROOM = 512


def unacknowledged(sender: socket.socket) -> int:
    """Bytes that the peer's kernel has not acknowledged (SIOCOUTQ); on AF_UNIX the memory that the
    peer's program has not taken.

    tcp(7) calls them unsent; tcp_ioctl() in net/ipv4/tcp.c subtracts what is acknowledged.
    """
    return _ask(sender, _SIOCOUTQ)


def unsent(sender: socket.socket) -> int:
    """Bytes that TCP has not sent at all (SIOCOUTQNSD)."""
    return _ask(sender, _SIOCOUTQNSD)


def unread(receiver: socket.socket) -> int:
    """Bytes that the receiving program has not read (SIOCINQ); of a datagram socket those of the
    first datagram.
    """
    return _ask(receiver, _SIOCINQ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """SO_MEMINFO (Linux 4.12): bytes charged to a socket, the kernel's overhead included.

    `received` waits to be read, `queued` waits to be acknowledged, `in_flight` is with the device.
    """

    received: int
    receive_buffer: int
    in_flight: int
    send_buffer: int
    queued: int


def memory(one: socket.socket) -> Memory:
    """Read what a socket is charged."""
    raw = one.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)
    received, receive_buffer, in_flight, send_buffer, _forward, queued = struct.unpack_from(
        "6I", raw
    )
    return Memory(
        received=received,
        receive_buffer=receive_buffer,
        in_flight=in_flight,
        send_buffer=send_buffer,
        queued=queued,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpInfo:
    """What TCP_INFO says (struct tcp_info in include/uapi/linux/tcp.h), bytes and microseconds.

    A field that this kernel's structure does not reach is None.
    """

    segment: int
    advertised_segment: int
    receive_threshold: int
    congestion_window: int
    round_trip: int
    retransmits: int
    timestamps: bool
    send_window: int | None
    receive_window: int | None
    busy: int | None
    window_limited: int | None
    buffer_limited: int | None


def tcp_info(one: socket.socket) -> TcpInfo:
    """Read TCP_INFO. The length that comes back tells which fields there are, not the release."""
    raw = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_ROOM)

    def word(offset: int) -> int:
        return int(struct.unpack_from("I", raw, offset)[0])

    def later(offset: int, form: str) -> int | None:
        end = offset + struct.calcsize(form)
        return int(struct.unpack_from(form, raw, offset)[0]) if len(raw) >= end else None

    return TcpInfo(
        segment=word(16),
        advertised_segment=word(84),
        receive_threshold=word(64),
        congestion_window=word(80),
        round_trip=word(68),
        retransmits=word(100),
        timestamps=bool(raw[5] & 1),
        send_window=later(228, "I"),
        receive_window=later(232, "I"),
        busy=later(168, "Q"),
        window_limited=later(176, "Q"),
        buffer_limited=later(184, "Q"),
    )


def locks(one: socket.socket) -> tuple[bool, bool] | None:
    """Tell whether the send and the receive buffer have a fixed size (SO_BUF_LOCK, Linux 5.14);
    None where the kernel does not say.
    """
    try:
        bits = one.getsockopt(socket.SOL_SOCKET, _SO_BUF_LOCK)
    except OSError:
        return None
    return bool(bits & 1), bool(bits & 2)


def congestion(one: socket.socket) -> str:
    """The name of the congestion control of a TCP socket."""
    raw = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
    return raw.split(b"\0", 1)[0].decode()


def _ask(one: socket.socket, request: int) -> int:
    import fcntl

    return int.from_bytes(fcntl.ioctl(one, request, bytes(4)), sys.byteorder, signed=True)
