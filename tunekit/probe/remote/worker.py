"""A server process for another host's clients: epoll over bare descriptors.

All workers accept from the same listeners, so that whichever has a descriptor free takes the next
connection, and any number of them needs one port: with SO_REUSEPORT a hash would choose, and a
worker that is full would keep in its queue what others have room for. What a connection is stands
in arrays that its descriptor indexes, as in `probe.server`; only who has not greeted yet, and the
few control connections, have more than that.
"""

from __future__ import annotations

import _socket
import errno
import os
import select
import time
from array import array
from collections.abc import Callable

from tunekit.probe import tokens
from tunekit.probe.ledger import round_mark
from tunekit.probe.remote import orders, wire
from tunekit.probe.remote.account import Arena, Item
from tunekit.probe.remote.control import Controls, HungUp
from tunekit.probe.remote.sessions import Session
from tunekit.probe.remote.wire import Foreign, Keys
from tunekit.probe.shard import Control

_READ = 64
_EVENTS = 256
_ACCEPTS = 64
_SWEEP = 0.25
_NOBODY = 0
_PLACE = (1 << tokens.SHARD_BITS + tokens.INDEX_BITS) - 1
_RUN = tokens.SHARD_BITS + tokens.INDEX_BITS
_MASK = select.EPOLLIN | select.EPOLLET


class Worker:
    """One process's share of the connections. Session 0 stands for none."""

    def __init__(
        self,
        control: Control,
        account: memoryview,
        arena: Arena,
        *,
        secret: bytes,
        descriptors: int,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._control = control
        self._account = account
        self._arena = arena
        self._patience = patience
        self._clock = clock
        self._sessions: dict[int, tuple[Session, Keys]] = {}
        self._session = array("I", [_NOBODY]) * descriptors
        self._cell = array("I", [0]) * descriptors
        self._round = array("I", [0]) * descriptors
        self._expected = array("Q", [0]) * descriptors
        # In the order in which their time runs out.
        self._strangers: dict[int, float] = {}
        self._partial: dict[int, bytes] = {}
        self._listeners: dict[int, _socket.socket] = {}
        self._watching = False
        self._full = False
        self._swept = 0.0
        self._poll = select.epoll()
        self._controls = Controls(self._poll, control, account, arena, secret)

    def run(self) -> None:
        """Serve until the host says to quit or is gone."""
        self._poll.register(self._control, select.EPOLLIN)
        while self._serve():
            pass
        # Without epoll the resets of the other end wake nobody up.
        self._poll.close()
        os.closerange(self._control.fileno() + 1, len(self._session))

    def _serve(self) -> bool:
        """Do what is to be done now; False when it is time to go."""
        asked = False
        talking = []
        for fd, _ in self._poll.poll(_SWEEP, _EVENTS):
            if self._session[fd]:
                talking.append(fd)
            elif fd in self._listeners:
                self._accept(fd)
            elif fd == self._control.fileno():
                asked = True
            else:
                self._listen_to(fd)
        if talking:
            self._echo(talking)
        if self._clock() >= self._swept + _SWEEP:
            self._sweep()
        return not asked or self._obey()

    def _obey(self) -> bool:
        """Do what the host says; False when it is to quit."""
        while True:
            try:
                message, listeners = orders.receive(self._control)
            except BlockingIOError:
                return True
            except ConnectionResetError:
                return False
            kind = message[:1]
            if kind == orders.LISTEN:
                self._listeners = {fd: _socket.socket(fileno=fd) for fd in listeners}
                self._watch()
                self._control.send(orders.LISTEN)
            elif kind == orders.SESSION:
                session = orders.session_of(message)
                self._sessions[session.number] = session, Keys(key=session.key)
            elif kind == orders.ANSWERED:
                serial, answer, number, room = orders.answer_of(message)
                session_ = self._sessions[number][0] if number else None
                fd = self._controls.answered(serial, answer, session_, room)
                self._strangers.pop(fd, None)
            elif kind == orders.END:
                self._end(orders.number_of(message))
            else:
                return False

    def _accept(self, fd: int) -> None:
        accept = self._listeners[fd]._accept  # type: ignore[attr-defined]
        register, set_blocking = self._poll.register, os.set_blocking
        until = self._clock() + self._patience
        accepted = 0
        try:
            for _ in range(_ACCEPTS):
                connection, _peer = accept()
                accepted += 1
                set_blocking(connection, False)
                self._strangers[connection] = until
                register(connection, _MASK)
        except (BlockingIOError, ConnectionAbortedError):
            pass
        except OSError as error:
            # What waits stays in the queue and epoll would report it again at once.
            self._look_away()
            if error.errno == errno.EMFILE:
                self._full = True
            else:
                self._account[Item.REFUSED] += 1
                self._account[Item.ERRNO] = error.errno or 0
        self._account[Item.ACCEPTED] += accepted

    def _watch(self) -> None:
        if not self._watching and self._listeners:
            for fd in self._listeners:
                # Otherwise each connection would wake every worker (Linux 4.5).
                self._poll.register(fd, select.EPOLLIN | select.EPOLLEXCLUSIVE)
            self._watching = True

    def _look_away(self) -> None:
        if self._watching:
            for fd in self._listeners:
                self._poll.unregister(fd)
            self._watching = False

    def _listen_to(self, fd: int) -> None:
        if fd in self._controls:
            self._converse(fd)
        elif fd in self._strangers:
            self._meet(fd)

    def _meet(self, fd: int) -> None:
        """Hear what somebody unknown has to say."""
        try:
            said = os.read(fd, _READ)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:
            self._drop(fd, Item.LEFT)
            return
        received = self._partial.pop(fd, b"") + said
        try:
            if wire.missing(received, wire.OPENING, wire.GREETING):
                self._partial[fd] = received
            elif received.startswith(wire.OPENING):
                self._controls.begin(fd)
                self._converse(fd, received)
            else:
                self._greet(fd, received)
        except Foreign:
            self._drop(fd, Item.GARBAGE)

    def _greet(self, fd: int, received: bytes) -> None:
        number, place, proof = wire.read_greeting(received[: wire.GREETING_SIZE])
        if number not in self._sessions:
            # The host tells every worker before it answers the client.
            self._obey()
        if number not in self._sessions:
            raise Foreign
        session, keys = self._sessions[number]
        keys.check_greeting(number, place, proof)
        cell = session.start + session.share.cell(place)
        if self._arena.claims[cell]:
            raise Foreign
        self._arena.claims[cell] = 1
        del self._strangers[fd]
        self._session[fd] = number
        self._cell[fd] = cell
        self._round[fd] = 1
        self._expected[fd] = tokens.base(keys.nonce, 0, 1) + place
        self._account[Item.GREETED] += 1
        self._account[Item.OPEN] += 1
        rest = received[wire.GREETING_SIZE :]
        if rest:
            self._account[Item.ECHOED] += self._answer(fd, rest)

    def _echo(self, descriptors: list[int]) -> None:
        read, answer, session = os.read, self._answer, self._session
        echoed = 0
        for fd in descriptors:
            if not session[fd]:
                # Its session has ended meanwhile, and the number may be somebody else's.
                continue
            try:
                message = read(fd, _READ)
            except BlockingIOError:
                continue
            except OSError:
                message = b""
            if message:
                echoed += answer(fd, message)
            else:
                # A peer that left is the client's to tell.
                self._drop(fd, None)
        self._account[Item.ECHOED] += echoed

    def _answer(self, fd: int, message: bytes) -> bool:
        """Send a token back if it is the one that is due; drop its connection if not."""
        expected = self._expected[fd]
        if message != tokens.pack(expected):
            self._drop(fd, Item.GARBAGE)
            return False
        round_ = self._round[fd]
        # Before the echo: whoever has seen it may ask for the set.
        self._arena.marks[self._cell[fd]] = round_mark(round_)
        self._round[fd] = round_ + 1
        run = ((expected >> _RUN) + 1) % (1 << tokens.NONCE_BITS)
        self._expected[fd] = run << _RUN | expected & _PLACE
        try:
            os.write(fd, message)
        except OSError:
            self._drop(fd, None)
            return False
        return True

    def _converse(self, fd: int, data: bytes = b"") -> None:
        try:
            self._controls.converse(fd, data)
        except HungUp as end:
            self._drop(fd, end.why)

    def _drop(self, fd: int, why: Item | None) -> None:
        if self._session[fd]:
            self._arena.claims[self._cell[fd]] = 0
            self._account[Item.OPEN] -= 1
            self._session[fd] = _NOBODY
        self._strangers.pop(fd, None)
        self._partial.pop(fd, None)
        self._controls.forget(fd)
        os.close(fd)
        if why is not None:
            self._account[why] += 1
        if self._full:
            self._full = False
            self._watch()

    def _sweep(self) -> None:
        """Drop who took too long to say whose they are, and look at the listeners again.

        A connection wakes one worker alone: had that one no room left, the others would not know
        of it until the next one comes, unless they asked.
        """
        self._swept = now = self._clock()
        for fd, until in list(self._strangers.items()):
            if until > now:
                break
            # What it said may still wait where the whole process had to wait.
            self._listen_to(fd)
            if fd in self._strangers:
                self._drop(fd, Item.STALLED)
        if not self._full:
            self._look_away()
            self._watch()

    def _end(self, number: int) -> None:
        for fd, session in enumerate(self._session):
            if session == number:
                self._drop(fd, None)
        for fd in self._controls.of(number):
            self._drop(fd, None)
        self._sessions.pop(number, None)
        self._control.send(orders.about(orders.END, number))
