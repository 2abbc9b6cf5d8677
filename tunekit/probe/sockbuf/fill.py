"""Sending until nothing more is taken, with nobody reading; then reading until one may send."""

from __future__ import annotations

import errno
import select
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from tunekit.probe.sockbuf import readings
from tunekit.probe.sockbuf.ends import Pair, Sizes, Transport, connect, refused
from tunekit.probe.sockbuf.forecast import WRITE

QUIET = 0.3
"""Seconds without progress after which a connection is full: longer than the persist timer, which
sends into what is left of the window after a retransmission timeout of at least 200 ms.
"""

MOST_DATAGRAMS = 4096
"""Where a sender that is never refused is stopped."""

_LONGEST = 20.0
_FULL = frozenset({errno.EAGAIN, errno.ENOBUFS})
_TURN = 0.004
_PAUSE = 0.25


@dataclass(slots=True, kw_only=True)
class Filling:
    """One pair while it is filled; bytes and seconds.

    `first` is what was accepted when send first said EAGAIN. `writable` is what was free of the
    send buffer when EPOLLOUT came back, after the reader had read `read`.
    """

    pair: Pair
    accepted: int = 0
    sends: int = 0
    partial: int = 0
    refusals: int = 0
    first: int | None = None
    last: float = 0.0
    begun: float = 0.0
    done: bool = False
    window: int | None = None
    unacked: int = 0
    unsent: int = 0
    unread: int = 0
    memory: readings.Memory | None = None
    received: readings.Memory | None = None
    read: int | None = None
    writable: int | None = None
    arrived: int | None = None


def fill_all(
    sizes: Sequence[Sizes],
    transport: Transport,
    *,
    budget: int,
    automatic: int = 4 << 20,
    congestion: str | None = None,
    message: int = WRITE,
    drain: bool = True,
    observe: Callable[[str], None] | None = None,
) -> Iterator[Filling]:
    """Fill a pair of each sizes, many side by side, as long as they hold at most `budget` bytes.

    Each send offers `message` bytes; `automatic` is what a send buffer that nobody set grows to.
    Yields them in order, with the sockets still open; they are closed before the next ones are
    opened. Raises ProbeRefused.
    """
    left = list(sizes)
    while left:
        with ExitStack() as stack:
            batch: list[Filling] = []
            room = budget
            while left and (not batch or room > 0):
                try:
                    pair = connect(left.pop(0), transport, congestion=congestion)
                except OSError as error:
                    raise refused(error) from error
                stack.callback(pair.close)
                pair.sender.setblocking(False)
                batch.append(Filling(pair=pair))
                room -= _most(pair, automatic=automatic)
            if observe is not None:
                observe(f"filling {len(batch)} pairs over {transport.value}")
            try:
                _fill(batch, bytes(message), transport)
            except OSError as error:
                raise refused(error) from error
            for one in batch:
                _look(one, transport)
                if drain:
                    _drain(one, transport)
            yield from batch


def _fill(batch: Sequence[Filling], data: bytes, transport: Transport) -> None:
    begun = time.monotonic()
    poll = select.poll()
    for one in batch:
        one.begun = one.last = begun
        poll.register(one.pair.sender, select.POLLOUT)
    while not all(one.done for one in batch):
        for one in batch:
            if not one.done:
                _push(one, data, transport)
                if one.done:
                    poll.unregister(one.pair.sender)
        # POLLOUT comes only when a third is free (sk_stream_is_writeable), and a send may be taken
        # before: so look again in between.
        poll.poll(_TURN * 1000)


def _push(one: Filling, data: bytes, transport: Transport) -> None:
    """Send until refused. Full is who is refused `QUIET` seconds after the last byte was taken,
    by an attempt that began as late: this process may have been held up meanwhile.
    """
    while True:
        now = time.monotonic()
        try:
            count = one.pair.sender.send(data)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            one.refusals += 1
            if one.first is None:
                one.first = one.accepted
            quiet = 0.0 if not transport.is_tcp else QUIET
            one.done = now - one.last >= quiet or now - one.begun >= _LONGEST
            return
        one.accepted += count
        one.sends += 1
        one.partial += count < len(data)
        one.last = time.monotonic()
        if transport.is_datagram and one.sends >= MOST_DATAGRAMS:
            one.done = True
            return


def _look(one: Filling, transport: Transport) -> None:
    sender, receiver = one.pair.sender, one.pair.receiver
    one.memory, one.received = readings.memory(sender), readings.memory(receiver)
    if transport.is_tcp:
        one.unacked = readings.unacknowledged(sender)
        one.unsent = readings.unsent(sender)
        one.unread = readings.unread(receiver)
        one.window = readings.tcp_info(receiver).receive_window
    elif not transport.is_datagram:
        one.unread = readings.unread(receiver)


def _drain(one: Filling, transport: Transport) -> None:
    """Read in small steps until EPOLLOUT comes back; of datagrams, count what is there."""
    sender, receiver = one.pair.sender, one.pair.receiver
    receiver.setblocking(False)
    one.read = 0
    step = max(1024, readings.memory(receiver).receive_buffer // 64)
    with select.epoll() as poll:
        poll.register(sender, select.EPOLLOUT)
        while not poll.poll(0):
            try:
                count = len(receiver.recv(1 << 17 if transport.is_datagram else step))
            except BlockingIOError:
                if not poll.poll(_PAUSE):
                    return
                break
            one.read += count
        one.writable = _free(sender, transport)
    if transport.is_datagram:
        one.arrived = one.read
        while True:
            try:
                one.arrived += len(receiver.recv(1 << 17))
            except BlockingIOError:
                return


def _free(sender: socket.socket, transport: Transport) -> int:
    now = readings.memory(sender)
    return now.send_buffer - (now.queued if transport.is_tcp else now.in_flight)


def _most(pair: Pair, *, automatic: int) -> int:
    """What a full pair holds at most."""
    send = readings.memory(pair.sender).send_buffer if pair.sizes.send is not None else automatic
    return send + readings.memory(pair.receiver).receive_buffer
