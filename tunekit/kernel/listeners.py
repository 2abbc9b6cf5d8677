"""Which ports of this network namespace something listens on.

Asked of sock_diag(7), which goes through the listeners alone. /proc/net/tcp lists every socket,
takes twenty seconds at a million connections, and serves where the kernel has no sock_diag.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from tunekit.errors import ReadFailed

# include/net/tcp_states.h. An unconnected UDP socket shows as TCP_CLOSE.
_LISTEN = 0x0A
_UNCONNECTED = 0x07

# include/uapi/linux/netlink.h, sock_diag.h
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_NLM_F_REQUEST = 0x001
_NLM_F_DUMP = 0x300

_HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence, port id."""
_REQUEST = struct.Struct("=BBBBI48x")
"""struct inet_diag_req_v2 (include/uapi/linux/inet_diag.h): family, protocol, extensions, padding,
a bit for each state wanted, and an address that a dump ignores.
"""
_PORT = struct.Struct(">4xH")
"""The beginning of struct inet_diag_msg: four bytes, then the local port in network order."""
_ERROR = struct.Struct("=i")

# The kernel answers in pieces of at most 32 KiB (netlink_dump in net/netlink/af_netlink.c).
_RECEIVE_BYTES = 1 << 16
_PATIENCE = 5.0
"""Seconds without an answer after which it is a sandbox that swallowed the question."""


def listening_ports(*, proc: Path | None = None) -> frozenset[int]:
    """List the ports of listening TCP and bound, unconnected UDP sockets, IPv4 and IPv6.

    `proc` is where the tables of proc_net(5) are read instead of asking the kernel. Raises
    ReadFailed for a table that is needed, is there and cannot be read.
    """
    if proc is None:
        try:
            return ask()
        except OSError:
            # No CONFIG_INET_DIAG or CONFIG_INET_UDP_DIAG (ENOENT, EPROTONOSUPPORT), or a sandbox
            # without netlink. Whatever it was, the tables tell the same.
            proc = Path("/proc")
    return frozenset(
        port
        for protocol, state in (("tcp", _LISTEN), ("udp", _UNCONNECTED))
        for version in ("", "6")
        for port in parse_ports(_read(proc / "thread-self/net" / (protocol + version)), state)
    )


def parse_ports(table: str, state: int) -> Iterator[int]:
    """Yield the local ports of the sockets in a state, from a table in the form of proc_net(5)."""
    for line in table.splitlines()[1:]:
        _, local, _, found, *_ = line.split()
        if int(found, 16) == state:
            yield int(local.rpartition(":")[2], 16)


def parse_dump(data: bytes) -> tuple[frozenset[int], bool]:
    """Read what one recv of a sock_diag dump gave: local ports, and whether it was the last.

    Raises OSError with the errno that the kernel answered with.
    """
    ports: set[int] = set()
    while data:
        length, kind, *_ = _HEADER.unpack_from(data)
        if length < _HEADER.size:
            raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))
        if kind in (_NLMSG_ERROR, _NLMSG_DONE):
            (number,) = _ERROR.unpack_from(data, _HEADER.size)
            if number:
                raise OSError(-number, os.strerror(-number))
            return frozenset(ports), True
        ports.add(_PORT.unpack_from(data, _HEADER.size)[0])
        # NLMSG_ALIGN
        data = data[(length + 3) & ~3 :]
    return frozenset(ports), False


def ask() -> frozenset[int]:
    """Ask sock_diag for the ports. Raises OSError where the kernel has no sock_diag for both."""
    import socket

    found: set[int] = set()
    for protocol, state in ((socket.IPPROTO_TCP, _LISTEN), (socket.IPPROTO_UDP, _UNCONNECTED)):
        for family in (socket.AF_INET, socket.AF_INET6):
            asked = _REQUEST.pack(family, protocol, 0, 0, 1 << state)
            header = _HEADER.pack(
                _HEADER.size + len(asked),
                _SOCK_DIAG_BY_FAMILY,
                _NLM_F_REQUEST | _NLM_F_DUMP,
                0,
                0,
            )
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as link:
                link.settimeout(_PATIENCE)
                link.send(header + asked)
                done = False
                while not done:
                    ports, done = parse_dump(link.recv(_RECEIVE_BYTES))
                    found |= ports
    return frozenset(found)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        # A kernel without IPv6 has no tables for it.
        return ""
    except OSError as error:
        raise ReadFailed(
            f"cannot be read: {error.strerror}",
            path=str(path),
            errno=error.errno,
            hint="run as root, or mount /proc",
        ) from error
