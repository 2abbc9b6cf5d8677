"""Sockets of this network namespace, asked of sock_diag(7) over netlink.

A hundred thousand sockets are twenty megabytes of answer. They are read where they lie in the
receive buffer and given on as plain tuples: an object for each message and each attribute would
take longer than the kernel takes to answer.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

# include/uapi/linux/netlink.h, sock_diag.h, inet_diag.h
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_NLM_F_REQUEST = 0x001
_NLM_F_DUMP = 0x300
_INET_DIAG_CONG = 4
_INET_DIAG_SKMEMINFO = 7

TCP, UDP = 6, 17

_HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence, port id."""
_REQUEST = struct.Struct("=BBBBI48x")
"""struct inet_diag_req_v2: family, protocol, extensions, padding, a bit for each state wanted, and
an address that a dump ignores.
"""
_MESSAGE = struct.Struct(">BB2xH2x16s16x").size + struct.calcsize("=I8x5I")
"""struct inet_diag_msg: 72 bytes."""
_LOCAL = struct.Struct(">BB2xH2x16s")
"""The beginning of struct inet_diag_msg: family, state, local port and address."""
_QUEUES = struct.Struct("=II4xI")
"""Its end, from byte 56: the receive queue, the send queue and the inode."""
_INODE = struct.Struct("=I")
_INODE_AT = 68
_ATTRIBUTE = struct.Struct("=HH")
_SIZES = struct.Struct("=I4xI4xI")
"""INET_DIAG_SKMEMINFO: its header, and in it SK_MEMINFO_RCVBUF and SK_MEMINFO_SNDBUF."""
_SIZES_HEADER = struct.unpack("=I", struct.pack("=HH", 4 + 9 * 4, _INET_DIAG_SKMEMINFO))[0]
_ERROR = struct.Struct("=i")

# The kernel answers in pieces of at most 32 KiB (netlink_dump in net/netlink/af_netlink.c).
_RECEIVE_BYTES = 1 << 16
_PATIENCE = 5.0
"""Seconds without an answer after which it is a sandbox that swallowed the question."""


Place = tuple[memoryview, int, int]
"""Where a socket's inet_diag_msg lies: a buffer, its start and its end."""


class State(IntEnum):
    """The states of include/net/tcp_states.h that are asked for."""

    ESTABLISHED = 1
    CLOSE = 7
    """Also an unconnected UDP socket."""
    CLOSE_WAIT = 8
    LISTEN = 10


class Listener(NamedTuple):
    """A listening TCP socket. `backlog` is what it really got, `queued` what waits in it now.

    Buffers are in bytes as SO_RCVBUF and SO_SNDBUF read, None where the kernel does not say.
    """

    address: str
    port: int
    inode: int
    backlog: int
    queued: int
    receive: int | None
    send: int | None


class Connection(NamedTuple):
    """An established TCP socket or a UDP socket: what it runs on.

    `congestion` is the algorithm's name, empty for UDP. `inode` is 0 until the socket was accepted
    and after it was closed.
    """

    inode: int
    congestion: str
    receive: int | None
    send: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked for: a protocol, a family, states, and extensions by their numbers."""

    protocol: int
    family: int
    states: tuple[State, ...]
    extensions: tuple[int, ...] = ()

    def packed(self) -> bytes:
        """The netlink message."""
        wanted = sum(1 << (number - 1) for number in self.extensions)
        states = sum(1 << state for state in self.states)
        asked = _REQUEST.pack(self.family, self.protocol, wanted, 0, states)
        flags = _NLM_F_REQUEST | _NLM_F_DUMP
        return _HEADER.pack(_HEADER.size + len(asked), _SOCK_DIAG_BY_FAMILY, flags, 0, 0) + asked


def listeners() -> list[Listener]:
    """List the listening TCP sockets, IPv4 and IPv6. Raises OSError where there is no sock_diag."""
    return [
        each
        for family in _families()
        for each in read_listeners(
            ask(
                Question(
                    protocol=TCP,
                    family=family,
                    states=(State.LISTEN,),
                    extensions=(_INET_DIAG_SKMEMINFO,),
                )
            )
        )
    ]


def connections() -> Iterator[Connection]:
    """Go through the TCP connections that a program can use, IPv4 and IPv6.

    Raises OSError where there is no sock_diag.
    """
    for family in _families():
        yield from read_connections(
            ask(
                Question(
                    protocol=TCP,
                    family=family,
                    states=(State.ESTABLISHED, State.CLOSE_WAIT),
                    extensions=(_INET_DIAG_CONG, _INET_DIAG_SKMEMINFO),
                )
            )
        )


def datagrams() -> Iterator[Connection]:
    """Go through the UDP sockets, connected or not. Raises OSError where there is no sock_diag."""
    for family in _families():
        yield from read_connections(
            ask(
                Question(
                    protocol=UDP,
                    family=family,
                    states=(State.ESTABLISHED, State.CLOSE),
                    extensions=(_INET_DIAG_SKMEMINFO,),
                )
            )
        )


def ports(protocol: int, state: State) -> frozenset[int]:
    """The local ports in use in a state, IPv4 and IPv6. Raises OSError without sock_diag."""
    return frozenset(
        port
        for family in _families()
        for port in read_ports(ask(Question(protocol=protocol, family=family, states=(state,))))
    )


def read_ports(answer: Iterable[Place]) -> Iterator[int]:
    """Read the local ports of an answer."""
    for data, start, _ in answer:
        yield _LOCAL.unpack_from(data, start)[2]


def _families() -> tuple[int, int]:
    import socket

    return socket.AF_INET, socket.AF_INET6


def ask(question: Question) -> Iterator[Place]:
    """Ask, and yield where each socket of the answer lies.

    The buffer is used again for the sockets that follow. Raises OSError with the errno that the
    kernel answered with, and TimeoutError when it does not.
    """
    import socket

    buffer = memoryview(bytearray(_RECEIVE_BYTES))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as link:
        link.settimeout(_PATIENCE)
        link.send(question.packed())
        last = False
        while not last:
            size = link.recv_into(buffer)
            places, last = parse_dump(buffer[:size])
            for start, end in places:
                yield buffer, start, end


def parse_dump(data: memoryview) -> tuple[list[tuple[int, int]], bool]:
    """Find the sockets in what one recv gave: where each message lies, and whether it was the last.

    Raises OSError with the errno that the kernel answered with.
    """
    places: list[tuple[int, int]] = []
    start, size = 0, len(data)
    while start < size:
        length, kind, *_ = _HEADER.unpack_from(data, start)
        if length < _HEADER.size:
            raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))
        if kind in (_NLMSG_ERROR, _NLMSG_DONE):
            (number,) = _ERROR.unpack_from(data, start + _HEADER.size)
            if number:
                raise OSError(-number, os.strerror(-number))
            return places, True
        places.append((start + _HEADER.size, start + length))
        # NLMSG_ALIGN
        start += (length + 3) & ~3
    return places, False


def read_listeners(answer: Iterable[Place]) -> Iterator[Listener]:
    """Read the listeners of an answer."""
    import socket

    for data, start, end in answer:
        family, _, port, address = _LOCAL.unpack_from(data, start)
        queued, backlog, inode = _QUEUES.unpack_from(data, start + 56)
        _, receive, send = _extras(data, start, end)
        raw = address[:4] if family == socket.AF_INET else address
        yield Listener(socket.inet_ntop(family, raw), port, inode, backlog, queued, receive, send)


def read_connections(answer: Iterable[Place]) -> Iterator[Connection]:
    """Read the connections of an answer."""
    # Messages of one length nearly always have their attributes in the same places, so that one
    # unpacking reads them all; the header of the attribute tells when it is otherwise.
    layouts: dict[int, struct.Struct | None] = {}
    names: dict[bytes, str] = {b"": ""}
    for data, start, end in answer:
        length = end - start
        if length not in layouts:
            layouts[length] = _layout(data, start, end)
        layout = layouts[length]
        header, name = 0, None
        if layout is not None:
            inode, header, receive, send, raw = layout.unpack_from(data, start)
            name = names.get(raw)
        if header != _SIZES_HEADER or name is None:
            (inode,) = _INODE.unpack_from(data, start + _INODE_AT)
            raw, receive, send = _extras(data, start, end)
            name = raw[_ATTRIBUTE.size :].rstrip(b"\0").decode("ascii", "replace")
            names[raw] = name
        yield Connection(inode, name, receive, send)


def _layout(data: memoryview, start: int, end: int) -> struct.Struct | None:
    """What reads the inode, the sizes with their header and the whole attribute of the name, in a
    message like this one; None where the order is another.
    """
    found = {kind: (at - start, length) for at, kind, length in _attributes(data, start, end)}
    sizes, _ = found.get(_INET_DIAG_SKMEMINFO, (0, 0))
    name, length = found.get(_INET_DIAG_CONG, (sizes + _SIZES.size, 0))
    if not sizes or name < sizes + _SIZES.size:
        return None
    gap = sizes - _INODE_AT - _INODE.size
    rest = name - sizes - _SIZES.size
    return struct.Struct(f"={_INODE_AT}xI{gap}xI4xI4xI{rest}x{length}s")


def _extras(data: memoryview, start: int, end: int) -> tuple[bytes, int | None, int | None]:
    """The attribute with the name of the congestion control, and the sizes of both buffers."""
    name, receive, send = b"", None, None
    for at, kind, length in _attributes(data, start, end):
        if kind == _INET_DIAG_SKMEMINFO:
            _, receive, send = _SIZES.unpack_from(data, at)
        elif kind == _INET_DIAG_CONG:
            name = bytes(data[at : at + length])
    return name, receive, send


def _attributes(data: memoryview, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Where each attribute of a message begins, its kind and its length with its header."""
    at = start + _MESSAGE
    while at + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < 4:
            return
        yield at, kind, length
        at += (length + 3) & ~3
