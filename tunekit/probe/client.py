"""A client shard: connects to its own server's listeners and proves each connection.

Connects do not block: on loopback the whole handshake runs inside connect(), so that asking once
more says that it is done, and a SYN that the server dropped holds up nobody else. Nothing is set
on a socket (SO_LINGER alone would cost a tenth of the connect): the server closes first, or
instead, and its resets leave nothing behind here.
"""

from __future__ import annotations

import _socket
import errno
import os
import select
import socket
import struct
import time
from array import array
from collections.abc import Sequence
from itertools import chain

from tunekit.probe import tokens
from tunekit.probe.conversation import Talk
from tunekit.probe.ledger import Cell, Ledger, round_mark
from tunekit.probe.load import Family, Load, Phase
from tunekit.probe.shard import CONNECT, PROVE, TALK, Control, Pace, pace_of, round_of

Address = tuple[str, int] | bytes
"""An address and a port, or the name of a Unix socket."""

_UNFINISHED = (errno.EALREADY, errno.EINPROGRESS)
_EXHAUSTED = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL}
)
_BATCH = 256
_LOOK = 1_000_000
"""Nanoseconds between two looks at connects that are under way, while none is due."""


class Client:
    """One process's ends of the connections. `-1` in place of a descriptor: not open."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        nonce: int,
        shard: int,
        in_flight: int,
        patience: float,
    ) -> None:
        self._ledger = ledger
        self._nonce = nonce
        self._shard = shard
        self._in_flight = in_flight
        self._patience = patience
        self._descriptors = array("i", [-1]) * ledger.connections
        self._send_timeout = struct.pack("ll", int(patience), int(patience % 1 * 1e6))
        self._talk: Talk | None = None
        self._pace: Pace | None = None
        self._pending: dict[int, tuple[int, int]] = {}
        self._pending_poll: select.epoll | None = None

    def connect(
        self,
        family: Family,
        targets: Sequence[tuple[Address, int]],
        pace: Pace | None = None,
    ) -> None:
        """Open as many connections to each address as it says, one after the other."""
        self._pace = pace
        connect_some = self._connect_some
        if pace is not None or family is Family.UNIX:
            connect_some = self._connect_singly
        index = 0
        for address, count in targets:
            end = index + count
            while index < end:
                stop = min(end, index + _BATCH)
                failure = connect_some(family, address, index, stop)
                if failure:
                    self._settle(self._patience)
                    missing = self._ledger.connections - self._started
                    self._ledger.lose(Phase.CONNECT, failure, missing)
                    return
                index = stop
                self._settle(0)
        self._settle(self._patience)

    def prove(self, round_: int) -> None:
        """Send each connection's token of a round and wait until it is back."""
        phase = Phase.PROVE if round_ == 1 else Phase.PROVE_AGAIN
        base = tokens.base(self._nonce, self._shard, round_)
        descriptors = self._descriptors
        for begin in range(0, len(descriptors), self._in_flight):
            end = min(begin + self._in_flight, len(descriptors))
            if not self._exchange(phase, round_mark(round_), base, begin, end):
                # Nothing came for as long as we are patient: the server has stopped.
                rest = sum(fd >= 0 for fd in descriptors[end:])
                self._ledger.lose(phase, errno.ETIMEDOUT, rest)
                return

    def talk(self, round_: int, *, active: float, payload: int) -> None:
        """Send a message on each of the active connections and wait until it is back."""
        if self._talk is None:
            self._talk = Talk(
                self._ledger,
                self._descriptors,
                self._lose,
                active=active,
                payload=payload,
                in_flight=self._in_flight,
                patience=self._patience,
                seed=self._nonce << tokens.SHARD_BITS | self._shard,
            )
        self._talk.round(tokens.base(~self._nonce, self._shard, round_))

    def close(self) -> None:
        """Close every connection."""
        # A list of them would be the most memory that this process ever takes.
        last = max(chain(self._pending, self._descriptors), default=-1)
        if last >= 0:
            first = min(fd for fd in chain(self._pending, self._descriptors) if fd >= 0)
            os.closerange(first, last + 1)

    def _connect_some(self, family: Family, address: Address, begin: int, end: int) -> int:
        """Open connections `begin` to `end`; return the errno that stopped it, else 0."""
        new, clock, descriptors = _socket.socket, time.monotonic_ns, self._descriptors
        domain, kind = family.value, socket.SOCK_STREAM | socket.SOCK_NONBLOCK
        durations = []
        failure = 0
        start = clock()
        try:
            for index in range(begin, end):
                connection = new(domain, kind)
                connection.connect_ex(address)
                failure = connection.connect_ex(address)
                now = clock()
                if not failure:
                    descriptors[index] = connection.detach()
                    durations.append(now - start)
                elif failure in _UNFINISHED:
                    failure = 0
                    self._wait_for(connection.detach(), index, start)
                else:
                    connection.close()
                    if failure in _EXHAUSTED:
                        break
                    self._ledger.lose(Phase.CONNECT, failure)
                    failure = 0
                start = now
        except OSError as error:
            failure = error.errno or errno.EIO
        self._ledger.connect_latency.extend(durations)
        self._ledger.cells[Cell.OPENED] += len(durations)
        return failure

    def _connect_singly(self, family: Family, address: Address, begin: int, end: int) -> int:
        """As `_connect_some`, each when it is due; its latency counts from then.

        A connect that had to wait for the ones before it is thus as late as its user would have
        found it, which a clock that starts with the system call does not see.
        """
        for index in range(begin, end):
            due = time.monotonic_ns() if self._pace is None else self._pace.due(index)
            self._wait_until(due)
            failure = self._connect_one(family, address, index, due)
            if failure in _EXHAUSTED or (failure and family is Family.UNIX):
                return failure
            if failure:
                self._ledger.lose(Phase.CONNECT, failure)
        return 0

    def _wait_until(self, due: int) -> None:
        while True:
            if self._pending:
                self._settle(0)
            left = due - time.monotonic_ns()
            if left <= 0:
                return
            time.sleep(min(left, _LOOK if self._pending else left) / 1e9)

    def _connect_one(self, family: Family, address: Address, index: int, start: int) -> int:
        """Open one connection, or leave it pending; return an errno or 0."""
        try:
            connection = _socket.socket(family.value, socket.SOCK_STREAM)
        except OSError as error:
            return error.errno or errno.EIO
        if family is Family.UNIX:
            # A full queue answers EAGAIN at once, and nothing tells when there is room again; a
            # connect that blocks is told (unix_stream_connect, net/unix/af_unix.c).
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, self._send_timeout)
            failure = connection.connect_ex(address)
            failure = errno.ETIMEDOUT if failure == errno.EAGAIN else failure
        else:
            connection.setblocking(False)
            connection.connect_ex(address)
            failure = connection.connect_ex(address)
        if failure in _UNFINISHED:
            self._wait_for(connection.detach(), index, start)
            return 0
        if failure:
            connection.close()
            return failure
        connection.setblocking(False)
        self._descriptors[index] = connection.detach()
        self._ledger.connect_latency.extend([time.monotonic_ns() - start])
        self._ledger.cells[Cell.OPENED] += 1
        return 0

    def _wait_for(self, fd: int, index: int, start: int) -> None:
        if self._pending_poll is None:
            self._pending_poll = select.epoll()
        self._pending_poll.register(fd, select.EPOLLOUT)
        self._pending[fd] = index, start

    def _settle(self, patience: float, *, enough: int = 0) -> None:
        """Take in the connects that are done, until no more than `enough` are left; give those up
        after `patience` seconds without one.
        """
        poll, pending = self._pending_poll, self._pending
        while poll is not None and len(pending) > enough:
            ready = poll.poll(patience, _BATCH)
            now = time.monotonic_ns()
            if not ready:
                break
            durations = []
            settled = []
            for fd, _ in ready:
                index, start = pending.pop(fd)
                poll.unregister(fd)
                failure = _outcome(fd)
                if failure:
                    os.close(fd)
                    self._ledger.lose(Phase.CONNECT, failure)
                else:
                    self._descriptors[index] = fd
                    durations.append(now - start)
                    settled.append(index)
            self._settled(settled)
            self._ledger.connect_latency.extend(durations)
            self._ledger.cells[Cell.OPENED] += len(durations)
        else:
            return
        if patience and pending:
            self._ledger.lose(Phase.CONNECT, errno.ETIMEDOUT, len(pending))
            for fd in pending:
                os.close(fd)
            pending.clear()

    def _settled(self, indices: Sequence[int]) -> None:
        """Do what is to be done first on connections that had to be waited for."""

    def _exchange(self, phase: Phase, mark: int, base: int, begin: int, end: int) -> bool:
        """Prove connections `begin` to `end`; tell whether the server answers at all."""
        write, clock, pack = os.write, time.monotonic_ns, tokens.pack
        sent = []
        for index, fd in enumerate(self._descriptors[begin:end], begin):
            if fd >= 0:
                token = pack(base + index)
                start = clock()
                try:
                    write(fd, token)
                except OSError as error:
                    self._lose(phase, index, error.errno or errno.EIO)
                else:
                    sent.append((index, fd, token, start))
        asked = len(sent)
        while sent:
            # The server answers in turn: once the last is there, the others mostly are.
            waiting = select.poll()
            waiting.register(sent[-1][1], select.POLLIN)
            ready = waiting.poll(self._patience * 1000)
            late = self._collect(phase, mark, sent)
            if not ready and len(late) == len(sent):
                for index, _, _, _ in late:
                    self._lose(phase, index, errno.ETIMEDOUT)
                return len(late) < asked
            sent = late
        return True

    def _collect(
        self, phase: Phase, mark: int, sent: list[tuple[int, int, bytes, int]]
    ) -> list[tuple[int, int, bytes, int]]:
        """Read what has come back; return what has not."""
        read, clock, rounds = os.read, time.monotonic_ns, self._ledger.client_rounds
        late = []
        durations = []
        for item in sent:
            index, fd, token, start = item
            try:
                answer = read(fd, 64)
            except BlockingIOError:
                late.append(item)
                continue
            except OSError as error:
                self._lose(phase, index, error.errno or errno.EIO)
                continue
            if answer == token:
                durations.append(clock() - start)
                rounds[index] = mark
            elif answer:
                self._ledger.cells[Cell.WRONG] += 1
                self._lose(phase, index, errno.EBADMSG)
            else:
                self._lose(phase, index, errno.ECONNRESET)
        self._ledger.echo_latency.extend(durations)
        self._ledger.cells[Cell.PROVED] += len(durations)
        return late

    def _lose(self, phase: Phase, index: int, number: int) -> None:
        """Give a connection up and close it, so that no later round takes it for a good one."""
        os.close(self._descriptors[index])
        self._descriptors[index] = -1
        self._ledger.lose(phase, number)

    @property
    def _started(self) -> int:
        """Connections that have an outcome already."""
        cells = self._ledger.cells
        return int(cells[Cell.OPENED]) + sum(count for _, _, count in self._ledger.losses())


def run(
    control: Control, client: Client, load: Load, targets: Sequence[tuple[Address, int]]
) -> None:
    """Do what the supervisor says, until it says to quit or is gone."""
    while True:
        message = control.recv(64)
        if message[:1] == CONNECT:
            client.connect(load.family, targets, pace_of(message))
        elif message[:1] == PROVE:
            client.prove(round_of(message))
        elif message[:1] == TALK:
            client.talk(round_of(message), active=load.active, payload=load.payload)
        else:
            break
        control.send(message[:1])
    client.close()


def _outcome(fd: int) -> int:
    """The errno that a connect which is over ended with, 0 for an established connection."""
    connection = _socket.socket(fileno=fd)
    try:
        return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    finally:
        connection.detach()
