"""Ways to send one large message, each an inner loop that counts what it costs."""

from __future__ import annotations

import errno
import select
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tunekit.probe.sockbuf import readings

LOW_WATER = 1 << 17
"""TCP_NOTSENT_LOWAT where it is tried, in bytes."""

# include/uapi/asm-generic/socket.h and linux/socket.h; Python has no names for them.
_SO_ZEROCOPY, _MSG_ZEROCOPY = 60, 0x4000000
_MSG_ERRQUEUE = 0x2000
_TCP_NOTSENT_LOWAT = 25
_COPIED = 1


class Way(Enum):
    """How the message is sent; the value says it in a word or two."""

    BUSY = "retry on EAGAIN"
    ASK = "ask SIOCOUTQ"
    LEVEL = "EPOLLOUT, level"
    EDGE = "EPOLLOUT, edge"
    BLOCKING = "blocking sendall"
    LOWAT = "NOTSENT_LOWAT"
    ZEROCOPY = "MSG_ZEROCOPY"


@dataclass(slots=True, kw_only=True)
class Tally:
    """System calls in all, refused sends, waits that were woken, and whether zero copy copied."""

    calls: int = 0
    refused: int = 0
    waits: int = 0
    copied: bool = False


def send(way: Way, sender: socket.socket, data: memoryview) -> Tally:
    """Send all of the data and say what it took. Raises OSError where there is no such way."""
    return _WAYS[way](sender, data)


def _busy(sender: socket.socket, data: memoryview) -> Tally:
    tally = Tally()
    sender.setblocking(False)
    sent = 0
    while sent < len(data):
        tally.calls += 1
        try:
            sent += sender.send(data[sent:])
        except BlockingIOError:
            tally.refused += 1
    return tally


def _ask(sender: socket.socket, data: memoryview) -> Tally:
    tally = Tally()
    sender.setblocking(False)
    sent = 0
    while sent < len(data):
        tally.calls += 2
        buffer = sender.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        free = buffer - readings.unacknowledged(sender)
        if free <= 0:
            continue
        tally.calls += 1
        try:
            sent += sender.send(data[sent : sent + free])
        except BlockingIOError:
            tally.refused += 1
    return tally


def _level(sender: socket.socket, data: memoryview) -> Tally:
    return _driven(sender, data, select.EPOLLOUT)


def _edge(sender: socket.socket, data: memoryview) -> Tally:
    return _driven(sender, data, select.EPOLLOUT | select.EPOLLET)


def _lowat(sender: socket.socket, data: memoryview) -> Tally:
    sender.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, LOW_WATER)
    return _driven(sender, data, select.EPOLLOUT)


def _blocking(sender: socket.socket, data: memoryview) -> Tally:
    tally = Tally()
    sender.setblocking(True)
    sent = 0
    while sent < len(data):
        tally.calls += 1
        sent += sender.send(data[sent:])
    return tally


def _driven(sender: socket.socket, data: memoryview, events: int) -> Tally:
    """Send what is taken when told that something is. Level triggered sends once each time; edge
    triggered goes on until it is refused, or it would not be told again.
    """
    tally = Tally(calls=2)
    sender.setblocking(False)
    until_refused = bool(events & select.EPOLLET)
    sent = 0
    with select.epoll() as poll:
        poll.register(sender, events)
        while sent < len(data):
            tally.calls += 1
            tally.waits += bool(poll.poll())
            while sent < len(data):
                tally.calls += 1
                try:
                    sent += sender.send(data[sent:])
                except BlockingIOError:
                    tally.refused += 1
                    break
                if not until_refused:
                    break
    return tally


def _zerocopy(sender: socket.socket, data: memoryview) -> Tally:
    """The pages stay the kernel's until it says on the error queue that it is done with them."""
    tally = Tally(calls=3)
    sender.setsockopt(socket.SOL_SOCKET, _SO_ZEROCOPY, 1)
    sender.setblocking(False)
    sent = sends = done = 0
    with select.epoll() as poll:
        poll.register(sender, select.EPOLLOUT)
        while done < sends or sent < len(data):
            if sent == len(data):
                poll.modify(sender, 0)
            tally.calls += 1
            ready = dict(poll.poll())
            tally.waits += bool(ready)
            happened = ready.get(sender.fileno(), 0)
            if happened & select.EPOLLERR:
                done += _done_with(sender, tally)
            if happened & select.EPOLLOUT and sent < len(data):
                tally.calls += 1
                try:
                    sent += sender.send(data[sent:], _MSG_ZEROCOPY)
                    sends += 1
                except BlockingIOError:
                    tally.refused += 1
                except OSError as error:
                    # Too many notifications are waiting (net.core.optmem_max).
                    if error.errno != errno.ENOBUFS:
                        raise
                    tally.refused += 1
    return tally


def _done_with(sender: socket.socket, tally: Tally) -> int:
    """Read the notifications that are there (struct sock_extended_err); each stands for a range."""
    count = 0
    while True:
        tally.calls += 1
        try:
            _, ancillary, _, _ = sender.recvmsg(0, 256, _MSG_ERRQUEUE)
        except BlockingIOError:
            return count
        for _level, _kind, raw in ancillary:
            _errno, _origin, _type, code, _pad, low, high = struct.unpack_from("IBBBBII", raw)
            tally.copied |= bool(code & _COPIED)
            count += high - low + 1


_WAYS: dict[Way, Callable[[socket.socket, memoryview], Tally]] = {
    Way.BUSY: _busy,
    Way.ASK: _ask,
    Way.LEVEL: _level,
    Way.EDGE: _edge,
    Way.BLOCKING: _blocking,
    Way.LOWAT: _lowat,
    Way.ZEROCOPY: _zerocopy,
}
