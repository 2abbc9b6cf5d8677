"""Pairs of connected sockets over which buffers are measured."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from tunekit.errors import ProbeRefused

PATIENCE = 20.0
"""Seconds after which a connection over loopback is given up."""

_RESET = struct.pack("ii", 1, 0)


class Transport(Enum):
    """What carries the bytes; the value is its name on the command line."""

    INET = "inet"
    INET6 = "inet6"
    UNIX = "unix"
    UNIX_DATAGRAM = "unix-dgram"
    UDP = "udp"

    @property
    def is_tcp(self) -> bool:
        """Tell whether it is TCP, which alone has a window."""
        return self in (Transport.INET, Transport.INET6)

    @property
    def is_datagram(self) -> bool:
        """Tell whether a message arrives whole or not at all."""
        return self in (Transport.UNIX_DATAGRAM, Transport.UDP)

    def open(self) -> socket.socket:
        """Open a socket that is not connected."""
        family = {
            Transport.INET: socket.AF_INET,
            Transport.INET6: socket.AF_INET6,
            Transport.UDP: socket.AF_INET,
        }.get(self, socket.AF_UNIX)
        return socket.socket(family, socket.SOCK_DGRAM if self.is_datagram else socket.SOCK_STREAM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What is asked of both ends, in bytes; None leaves an option to the kernel."""

    send: int | None
    receive: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A sender connected to a receiver, what was asked of them and, before they were connected,
    granted: the sender's SO_SNDBUF and the receiver's SO_RCVBUF.
    """

    sizes: Sizes
    granted: tuple[int, int]
    sender: socket.socket
    receiver: socket.socket

    def close(self) -> None:
        """Close both ends; TCP is reset, and leaves no TIME_WAIT."""
        self.sender.close()
        self.receiver.close()


def connect(sizes: Sizes, transport: Transport, *, congestion: str | None = None) -> Pair:
    """Connect a sender to a receiver on this host.

    The window scale is fixed at the SYN, so the options are set before connect and listen; an
    accepted socket inherits the listener's. `congestion` is set on the sender. Raises OSError.
    """
    sender, receiver = transport.open(), transport.open()
    accepted = receiver
    try:
        granted = (
            _grant(sender, socket.SO_SNDBUF, sizes.send),
            _grant(receiver, socket.SO_RCVBUF, sizes.receive),
        )
        if congestion is not None and transport.is_tcp:
            sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
        # The empty name lets the kernel choose one that is in no file system (unix(7)).
        host = "::1" if transport is Transport.INET6 else "127.0.0.1"
        is_local = transport in (Transport.UNIX, Transport.UNIX_DATAGRAM)
        receiver.bind("" if is_local else (host, 0))
        if not transport.is_datagram:
            for one in (sender, receiver):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                one.settimeout(PATIENCE)
            receiver.listen(1)
        sender.connect(receiver.getsockname())
        if not transport.is_datagram:
            accepted, _ = receiver.accept()
            receiver.close()
    except BaseException:
        sender.close()
        receiver.close()
        raise
    return Pair(sizes=sizes, granted=granted, sender=sender, receiver=accepted)


@contextmanager
def connected(
    sizes: Sizes, transport: Transport, *, congestion: str | None = None
) -> Iterator[Pair]:
    """Connect a pair and close it at the end. Raises ProbeRefused where that is not possible."""
    try:
        pair = connect(sizes, transport, congestion=congestion)
    except OSError as error:
        raise refused(error) from error
    try:
        yield pair
    finally:
        pair.close()


def refused(error: OSError) -> ProbeRefused:
    """Say why it cannot be measured on this host, and what to do."""
    if error.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EHOSTUNREACH):
        hint = "ip link set lo up"
    elif error.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
        hint = "this kernel has no such family; give another --family"
    elif error.errno in (errno.ENOENT, errno.EPERM):
        hint = "see net.ipv4.tcp_available_congestion_control; others need root and a module"
    elif error.errno == errno.EMSGSIZE:
        hint = "give a smaller --message: a datagram must fit the send buffer whole"
    else:
        hint = "see ulimit -n and iptables-save"
    return ProbeRefused(
        f"cannot be measured on this host: {error.strerror}", errno=error.errno, hint=hint
    )


def _grant(one: socket.socket, option: int, size: int | None) -> int:
    if size is not None:
        one.setsockopt(socket.SOL_SOCKET, option, size)
    return one.getsockopt(socket.SOL_SOCKET, option)
