"""The control connections of a worker: one for each session, and those who ask for one."""

from __future__ import annotations

import _socket
import os
import secrets
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

from tunekit.probe.ledger import round_mark
from tunekit.probe.remote import orders, wire
from tunekit.probe.remote.account import Arena, Item
from tunekit.probe.remote.dialogue import Dialogue, Open, Say, Step
from tunekit.probe.remote.sessions import Session
from tunekit.probe.remote.wire import Answer, Foreign
from tunekit.probe.shard import Control

MOST_ASKING = 16
"""Requests that may wait for the host at a time; the others are told that it is busy."""

_READ = 4096
_IN = select.EPOLLIN | select.EPOLLET
_IN_AND_OUT = _IN | select.EPOLLOUT
# A client's host that went away without a word is noticed after a minute.
_KEEP_ALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))


class HungUp(Exception):
    """A control connection is over; `why` says what for when it was none of a session."""

    def __init__(self, why: Item | None = None) -> None:
        super().__init__(why)
        self.why = why


@dataclass(slots=True, eq=False, kw_only=True)
class _Line:
    """One control connection. `unsent` waits for room in its buffer; `refused` says that nothing
    more comes but the client's leaving.
    """

    dialogue: Dialogue
    session: Session | None = None
    serial: int | None = None
    refused: bool = False
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))


class Controls:
    """The control connections of one worker, by descriptor."""

    def __init__(
        self,
        poll: select.epoll,
        control: Control,
        account: memoryview,
        arena: Arena,
        secret: bytes,
    ) -> None:
        self._poll = poll
        self._control = control
        self._account = account
        self._arena = arena
        self._secret = secret
        self._lines: dict[int, _Line] = {}
        self._asking: dict[int, int] = {}
        self._serial = 0

    def __contains__(self, fd: int) -> bool:
        return fd in self._lines

    def of(self, number: int) -> Iterator[int]:
        """The descriptors of a session."""
        for fd, line in list(self._lines.items()):
            if line.session is not None and line.session.number == number:
                yield fd

    def begin(self, fd: int) -> None:
        """Take a connection for a control connection."""
        self._lines[fd] = _Line(dialogue=Dialogue(self._secret, secrets.token_bytes(wire.NONCE)))

    def converse(self, fd: int, data: bytes = b"") -> None:
        """Go on where there is something to read or room to write; `data` was read already.

        Raises HungUp when the connection is to be closed.
        """
        line = self._lines[fd]
        try:
            self._send(fd, line)
            while True:
                for step in line.dialogue.feed(data):
                    self._take(fd, line, step)
                data = os.read(fd, _READ)
                if not data:
                    raise HungUp(None if line.session or line.refused else Item.LEFT)
        except BlockingIOError:
            return
        except Foreign as error:
            raise HungUp(Item.GARBAGE) from error
        except OSError as error:
            raise HungUp(None if line.session or line.refused else Item.LEFT) from error

    def answered(self, serial: int, answer: Answer, session: Session | None, room: int) -> int:
        """Tell a client what the host said; returns its descriptor if it has a session now, else
        -1.
        """
        fd = self._asking.pop(serial, -1)
        line = self._lines.get(fd)
        if line is None:
            if session is not None:
                self._control.send(orders.about(orders.CLOSED, session.number))
            return -1
        line.serial, line.session, line.refused = None, session, session is None
        number = session.number if session else 0
        self._say(fd, line, line.dialogue.answer(answer, session=number, room=room))
        return fd if session else -1

    def forget(self, fd: int) -> None:
        """Note that a descriptor is about to be closed."""
        line = self._lines.pop(fd, None)
        if line is None:
            return
        if line.serial is not None:
            self._asking.pop(line.serial, None)
        if line.session is not None:
            self._control.send(orders.about(orders.CLOSED, line.session.number))

    def _take(self, fd: int, line: _Line, step: Step) -> None:
        if isinstance(step, Say):
            self._say(fd, line, step.data)
            if step.last:
                line.refused = True
                self._account[Item.WRONG_TOKEN] += 1
        elif isinstance(step, Open):
            self._open(fd, line, step)
        elif line.session is None or line.unsent:
            raise Foreign
        else:
            marks = bytes(self._arena.marks[line.session.start : line.session.end])
            bits = wire.bits_of(marks, round_mark(step.round_))
            self._say(fd, line, line.dialogue.tally(step.round_, bits))

    def _open(self, fd: int, line: _Line, step: Open) -> None:
        if len(self._asking) == MOST_ASKING:
            line.refused = True
            self._say(fd, line, line.dialogue.answer(Answer.BUSY))
            return
        for option, value in _KEEP_ALIVE:
            _set(fd, socket.IPPROTO_TCP, option, value)
        _set(fd, socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._serial += 1
        line.serial = self._serial
        self._asking[line.serial] = fd
        self._control.send(orders.open_(line.serial, step.share, step.keys.key))

    def _say(self, fd: int, line: _Line, data: bytes) -> None:
        line.unsent = memoryview(bytes(line.unsent) + data)
        self._send(fd, line)

    def _send(self, fd: int, line: _Line) -> None:
        """Send what waits; ask epoll for room where there is none."""
        while line.unsent:
            try:
                line.unsent = line.unsent[os.write(fd, line.unsent) :]
            except BlockingIOError:
                self._poll.modify(fd, _IN_AND_OUT)
                return


def _set(fd: int, level: int, option: int, value: int) -> None:
    one = _socket.socket(fileno=fd)
    try:
        one.setsockopt(level, option, value)
    finally:
        one.detach()
