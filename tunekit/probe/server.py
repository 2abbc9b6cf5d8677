"""A server shard: epoll over bare descriptors, one system call an operation.

Nine tenths of an echo are kernel time, and an object for each connection would double the rest.
So a connection here is a number: what is known of it is in arrays that its descriptor indexes.
"""

from __future__ import annotations

import _socket
import errno
import os
import select
import socket
import struct
from array import array
from collections.abc import Sequence

from tunekit.kernel import process
from tunekit.probe import tokens
from tunekit.probe.addresses import Place
from tunekit.probe.conversation import Echoes
from tunekit.probe.ledger import Cell, Ledger, round_mark
from tunekit.probe.load import Family, Phase
from tunekit.probe.shard import LISTENING, PROVE, TALK, Control, round_of

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER that makes close send RST: no TIME_WAIT, even when the kernel closes for us."""

_READ = 64
_EVENTS = 256
# Has room for what a client connects in a time slice or two; a full one loses connections.
_ROOMY = 4096
# struct tcp_info: tcpi_sacked of a listener is its effective backlog (tcp_get_info, net/ipv4/tcp.c)
_SACKED_OFFSET = 28


class Server:
    """One process's listeners and the connections that they accept.

    `rounds` in the ledger get a mark for each right token: the next round's, from the descriptor
    that brought it before.
    """

    def __init__(self, ledger: Ledger, *, nonce: int, shard: int, descriptors: int) -> None:
        self._ledger = ledger
        self._nonce = nonce
        self._shard = shard
        self._phase = Phase.CONNECT
        self._base = tokens.base(nonce, shard, 1)
        self._mark = 0
        self._previous = 0
        self._owner = array("i", [-1]) * descriptors
        self._listeners: dict[int, _socket.socket] = {}
        self._poll = select.epoll()
        self._answer = self._echo
        self._echoes = Echoes(
            self._poll, self._owner, lambda fd: self._drop(fd, foreign=self._owner[fd] == -1)
        )
        self._control = -1
        self._first = 0

    def listen(self, family: Family, addresses: Sequence[Place], *, backlog: int) -> list[int]:
        """Listen on each address, at one port if that is free on all, and return the ports, which
        are 0 for Unix sockets.
        """
        ports: list[int] = []
        try:
            for address in addresses:
                ports.append(self._listen(family, address, ports[0] if ports else 0, backlog))
        except OSError as error:
            self._ledger.fault(Phase.START, error.errno or errno.EIO)
        return ports

    def _listen(self, family: Family, address: Place, port: int, backlog: int) -> int:
        listener = _socket.socket(family.value, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if family is Family.UNIX:
            listener.bind(address)
            listener.listen(backlog)
            return self._keep(listener, 0)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        # A bound port is closed to connect() whatever its address (fastreuse >= 0 in
        # __inet_hash_connect), so one port for all takes one from the range, not hundreds.
        try:
            listener.bind((address, 0 if family is Family.INET6 else port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not port:
                raise
            listener.bind((address, 0))
        listener.listen(backlog)
        if not self._listeners:
            self._ledger.cells[Cell.BACKLOG] = 1 + effective_backlog(listener)
        return self._keep(listener, int(listener.getsockname()[1]))

    def _keep(self, listener: _socket.socket, port: int) -> int:
        self._listeners[listener.fileno()] = listener
        self._poll.register(listener.fileno(), select.EPOLLIN)
        return port

    @property
    def backlog(self) -> int:
        """The effective backlog of its TCP listeners."""
        return int(self._ledger.cells[Cell.BACKLOG]) - 1

    def begin(self, round_: int) -> None:
        """Expect the tokens of a round, counted from 1, and no others."""
        self._phase = Phase.PROVE if round_ == 1 else Phase.PROVE_AGAIN
        self._base = tokens.base(self._nonce, self._shard, round_)
        self._previous = self._mark
        self._mark = round_mark(round_)
        self._answer = self._echo

    def converse(self) -> None:
        """Expect anything on the connections that were proved, and send it back."""
        self._phase = Phase.HOLD
        self._answer = self._echoes.echo

    def serve(self, control: int) -> None:
        """Accept and echo until `control` is readable. The caller reads what it says."""
        if control != self._control:
            self._control = control
            self._poll.register(control, select.EPOLLIN)
            self._first = max(control, self._poll.fileno(), *self._listeners) + 1
        poll, first, echo = self._poll.poll, self._first, self._answer
        yields = self._phase is Phase.CONNECT and self.backlog >= _ROOMY
        while True:
            ready = poll(-1, _EVENTS)
            asked = False
            messages = []
            for fd, _ in ready:
                if fd >= first:
                    messages.append(fd)
                elif fd == control:
                    asked = True
                else:
                    self._accept(fd)
            if messages:
                echo(messages)
            if asked:
                return
            if yields and not messages:
                # Until a slice of the client's is over; at once when it has nothing to do.
                os.sched_yield()

    def close(self) -> None:
        """Reset every connection and close the listeners."""
        # Without epoll the resets of the other end wake nobody up.
        self._poll.close()
        for listener in self._listeners.values():
            listener.close()
        os.closerange(self._first, len(self._owner))

    def _accept(self, fd: int) -> None:
        accept = self._listeners[fd]._accept  # type: ignore[attr-defined]
        register, set_blocking = self._poll.register, os.set_blocking
        mask = select.EPOLLIN | select.EPOLLET
        accepted = 0
        try:
            for _ in range(_EVENTS):
                connection, _peer = accept()
                set_blocking(connection, False)
                try:
                    register(connection, mask)
                except OSError:
                    os.close(connection)
                    raise
                accepted += 1
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno != errno.ECONNABORTED:
                self._ledger.fault(self._phase, error.errno or 0)
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                # The connection stays in the queue and epoll would report it again at once.
                self._poll.unregister(fd)
        self._ledger.cells[Cell.ACCEPTED] += accepted

    def _echo(self, descriptors: list[int]) -> None:
        read, write, unpack = os.read, os.write, tokens.unpack
        owner, rounds = self._owner, self._ledger.server_rounds
        base, mark, previous = self._base, self._mark, self._previous
        count = len(rounds)
        echoed = 0
        for fd in descriptors:
            try:
                message = read(fd, _READ)
                (number,) = unpack(message)
                index = number - base
                if 0 <= index < count and rounds[index] == previous:
                    if owner[fd] != index:
                        if owner[fd] != -1:
                            self._drop(fd, foreign=True)
                            continue
                        owner[fd] = index
                    # Before the echo: whoever has seen it may look here.
                    rounds[index] = mark
                    write(fd, message)
                    echoed += 1
                else:
                    self._drop(fd, foreign=True)
            except tokens.NotAToken:
                self._drop(fd, foreign=bool(message))
            except BlockingIOError:
                continue
            except OSError as error:
                # A peer that left is the client's to tell.
                if error.errno not in (errno.ECONNRESET, errno.EPIPE):
                    self._ledger.fault(self._phase, error.errno or 0)
                self._drop(fd, foreign=False)
        self._ledger.cells[Cell.ECHOED] += echoed

    def _drop(self, fd: int, *, foreign: bool) -> None:
        self._owner[fd] = -1
        os.close(fd)
        if foreign:
            self._ledger.cells[Cell.FOREIGN] += 1


def run(
    control: Control, server: Server, family: Family, addresses: Sequence[Place], *, backlog: int
) -> None:
    """Do what the supervisor says, until it says to quit or is gone."""
    ports = server.listen(family, addresses, backlog=backlog)
    if family is Family.UNIX or server.backlog >= _ROOMY:
        # One that interrupts its client for every other connection costs both a sixth of their
        # speed: each turn takes a context switch, and an accept that finds nothing.
        process.give_way()
    control.send(LISTENING + array("H", ports).tobytes())
    while True:
        server.serve(control.fileno())
        message = control.recv(64)
        if message[:1] == PROVE:
            server.begin(round_of(message))
        elif message[:1] == TALK:
            server.converse()
        else:
            break
        control.send(message[:1])
    server.close()


def effective_backlog(listener: _socket.socket) -> int:
    """Ask the kernel for the backlog that a TCP listener really has."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    (backlog,) = struct.unpack_from("I", info, _SACKED_OFFSET)
    return int(backlog)
