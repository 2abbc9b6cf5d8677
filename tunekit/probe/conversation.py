"""Messages of any size on connections that are held: what an idle crowd with a few talkers does.

Unlike a token, a message may come in pieces and may not fit into a socket's buffer at once. The
server sends back what it has read as it comes; the client knows what to expect, byte for byte.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import time
from array import array
from collections.abc import Callable, Sequence

from tunekit.probe import tokens
from tunekit.probe.ledger import Cell, Ledger
from tunekit.probe.load import Phase

LARGEST = 1 << 20
"""Bytes of the largest message."""

_WORD = (1 << 64) - 1
_CHUNK = 1 << 16
_IN = select.EPOLLIN | select.EPOLLET
_IN_AND_OUT = _IN | select.EPOLLOUT

Drop = Callable[[int], None]


def scattered(count: int, share: float, seed: int) -> list[int]:
    """Choose a share of `range(count)`, at least one, as if at random.

    Not the first ones: neighbours in every table of the kernel would flatter it. (Fibonacci
    hashing scatters well enough.)
    """
    wanted = max(1, round(share * count))
    order = sorted(range(count), key=lambda n: (n + seed) * 0x9E3779B97F4A7C15 & _WORD)
    return sorted(order[:wanted])


class Echoes:
    """The server's half: sends back what comes, in order, and waits where the peer does not read.

    `owner` tells which descriptors are connections of the load; others are dropped.
    """

    def __init__(self, poll: select.epoll, owner: array[int], drop: Drop) -> None:
        self._poll = poll
        self._owner = owner
        self._drop = drop
        self._unsent: dict[int, memoryview] = {}

    def echo(self, descriptors: Sequence[int]) -> None:
        """Answer on each descriptor that epoll reported."""
        for fd in descriptors:
            if self._owner[fd] == -1:
                self._drop(fd)
                continue
            try:
                self._answer(fd)
            except OSError:
                # A peer that left is the client's to tell.
                self._unsent.pop(fd, None)
                self._drop(fd)

    def _answer(self, fd: int) -> None:
        if fd in self._unsent and not self._send(fd, self._unsent.pop(fd)):
            return
        # Edge-triggered: what is left unread now would never be reported again.
        while True:
            try:
                chunk = os.read(fd, _CHUNK)
            except BlockingIOError:
                return
            if not chunk:
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            if not self._send(fd, memoryview(chunk)):
                return

    def _send(self, fd: int, data: memoryview) -> bool:
        """Send all of it, or keep the rest for when there is room; tells which."""
        with contextlib.suppress(BlockingIOError):
            data = data[os.write(fd, data) :]
        if data:
            self._unsent[fd] = data
            self._poll.modify(fd, _IN_AND_OUT)
        return not data


class _Message:
    """One message on its way out and back."""

    __slots__ = ("back", "index", "start", "text", "unsent")

    def __init__(self, index: int, text: bytes) -> None:
        self.index = index
        self.text = text
        self.unsent = memoryview(text)
        self.back = 0
        self.start = time.monotonic_ns()


class Talk:
    """The client's half, for one shard: the same connections talk in every round.

    `lose` gives a connection up for an errno.
    """

    def __init__(
        self,
        ledger: Ledger,
        descriptors: array[int],
        lose: Callable[[Phase, int, int], None],
        *,
        active: float,
        payload: int,
        in_flight: int,
        patience: float,
        seed: int,
    ) -> None:
        self._ledger = ledger
        self._descriptors = descriptors
        self._lose = lose
        self._payload = payload
        self._in_flight = in_flight
        self._patience = patience
        self._active = scattered(len(descriptors), active, seed)

    def round(self, base: int) -> None:
        """Have each active connection send a message of its own and wait until it is back."""
        for begin in range(0, len(self._active), self._in_flight):
            messages = {
                self._descriptors[index]: _Message(
                    index, tokens.message(base + index, self._payload)
                )
                for index in self._active[begin : begin + self._in_flight]
                if self._descriptors[index] >= 0
            }
            if not self._exchange(messages):
                return

    def _exchange(self, messages: dict[int, _Message]) -> bool:
        """Send and receive; tell whether anything comes back at all."""
        poll = select.poll()
        for fd in list(messages):
            poll.register(fd, select.POLLIN | select.POLLOUT)
        durations = []
        while messages:
            ready = poll.poll(self._patience * 1000)
            if not ready:
                for message in messages.values():
                    self._lose(Phase.HOLD, message.index, errno.ETIMEDOUT)
                break
            for fd, _ in ready:
                message = messages[fd]
                failure = _advance(fd, message, poll)
                if failure:
                    if failure == errno.EBADMSG:
                        self._ledger.cells[Cell.WRONG] += 1
                    self._lose(Phase.HOLD, message.index, failure)
                elif message.back == len(message.text):
                    durations.append(time.monotonic_ns() - message.start)
                else:
                    continue
                poll.unregister(fd)
                del messages[fd]
        self._ledger.talk_latency.extend(durations)
        self._ledger.cells[Cell.TALKED] += len(durations)
        return not messages


def _advance(fd: int, message: _Message, poll: select.poll) -> int:
    """Send and receive what is possible now; return the errno that ended it, else 0."""
    try:
        if message.unsent:
            _send(fd, message, poll)
        piece = os.read(fd, min(_CHUNK, len(message.text) - message.back))
    except BlockingIOError:
        return 0
    except OSError as error:
        return error.errno or errno.EIO
    if not piece:
        return errno.ECONNRESET
    end = message.back + len(piece)
    if piece != message.text[message.back : end]:
        return errno.EBADMSG
    message.back = end
    return 0


def _send(fd: int, message: _Message, poll: select.poll) -> None:
    if message.unsent.nbytes == len(message.text):
        message.start = time.monotonic_ns()
    # Where nothing more fits, reading is what makes room at the other end.
    with contextlib.suppress(BlockingIOError):
        message.unsent = message.unsent[os.write(fd, message.unsent) :]
    if not message.unsent:
        poll.modify(fd, select.POLLIN)
