"""The leading process of a server: listeners, workers, sessions; and their end whatever happens.

It reads nothing from the network. When it is root it binds the listeners as such and everything
else is done by workers that are not.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from tunekit.errors import ProbeRefused
from tunekit.kernel import process
from tunekit.probe import shard
from tunekit.probe.remote import account, orders
from tunekit.probe.remote.account import STRANGERS, Arena, Item
from tunekit.probe.remote.model import Endpoint, Service, SessionServed
from tunekit.probe.remote.sessions import Registry, Session
from tunekit.probe.remote.wire import Answer
from tunekit.probe.remote.worker import Worker
from tunekit.probe.shard import Role, Shard

TICK = 0.1
MOST_WORKERS = 1024

_START_PATIENCE = 10.0

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(slots=True, eq=False, kw_only=True)
class Hand:
    """A worker as the host sees it: `listens` once it is who it should be and accepts."""

    number: int
    shard: Shard
    account: memoryview
    listens: bool = False


@dataclass(slots=True, eq=False, kw_only=True)
class _Held:
    """A session that is open. `ending` are the workers that have yet to let go of it."""

    session: Session
    owner: Hand
    since: float
    ending: set[int] | None = None


class Host:
    """A server for other hosts' clients; a context manager, since nothing may be left of it.

    `room` is the connections that one worker takes with `nofile` descriptors.
    """

    def __init__(
        self,
        service: Service,
        *,
        most: int,
        nofile: int,
        room: int,
        user: process.User | None,
    ) -> None:
        self.listening: tuple[Endpoint, ...] = ()
        self.served: list[SessionServed] = []
        self.turned_away = 0
        self.peak = 0
        self.hands: list[Hand] = []
        self._service = service
        self._nofile = nofile
        self._room = room
        self._user = user
        self._cpus = sorted(os.sched_getaffinity(0))
        self._registry = Registry(most)
        self._arena = Arena(most)
        self._held: dict[int, _Held] = {}
        self._closing = False
        self._listeners: list[socket.socket] = []
        self._poll = select.poll()
        self._by_descriptor: dict[int, Hand] = {}

    def __enter__(self) -> Host:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A second Ctrl-C must not keep what the first one began from being finished.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            for listener in self._listeners:
                listener.close()
            for hand in self.hands:
                hand.shard.kill()
            for hand in self.hands:
                hand.shard.reap()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    @property
    def open(self) -> int:
        """Connections of sessions that are open now."""
        return self.total(Item.OPEN)

    @property
    def killed(self) -> int:
        """Workers that ended by no doing of ours."""
        return sum(hand.shard.died for hand in self.hands)

    def total(self, item: Item) -> int:
        """A count over all workers."""
        return sum(int(hand.account[item]) for hand in self.hands)

    def strangers(self) -> dict[str, int]:
        """Connections that were none of a session, by why they were dropped."""
        return {name: count for item, name in STRANGERS.items() if (count := self.total(item))}

    def last_errno(self) -> str:
        """The name of the errno that an accept last failed for, empty when none has."""
        numbers = (int(hand.account[Item.ERRNO]) for hand in self.hands)
        return next((errno.errorcode.get(each, str(each)) for each in numbers if each), "")

    def start(self, workers: int) -> None:
        """Listen, and start the first workers. Raises ProbeRefused for an address that cannot be
        listened on.
        """
        process.load_libc()
        listening: list[Endpoint] = []
        for endpoint in self._service.listen:
            listener = self._listen(endpoint)
            self._listeners.append(listener)
            port = int(listener.getsockname()[1])
            listening.append(Endpoint(address=endpoint.address, port=port))
        self.listening = tuple(listening)
        for _ in range(workers):
            self._hire()
        until = time.monotonic() + _START_PATIENCE
        while any(not hand.listens for hand in self._alive()) and time.monotonic() < until:
            self.attend(TICK)

    def attend(self, seconds: float) -> None:
        """Do for a while, at most a tick, what workers ask for. Raises ProbeRefused when none is
        left.
        """
        for descriptor, _ in self._poll.poll(min(TICK, max(0.0, seconds)) * 1000):
            hand = self._by_descriptor[descriptor]
            self._hear(hand, hand.shard.receive())
        self.peak = max(self.peak, self.open)
        if not self._by_descriptor:
            raise ProbeRefused(
                "no worker of the server is left", hint="dmesg | grep -i 'out of memory'"
            )

    def close(self) -> None:
        """Have the workers reset what is open and exit; those that do not are killed later."""
        for held in list(self._held.values()):
            self._file(held, complete=False)
        self._held.clear()
        self._closing = True
        for hand in self.hands:
            if hand.shard.alive:
                hand.shard.send(shard.QUIT)
        until = time.monotonic() + 5
        while self._by_descriptor and time.monotonic() < until:
            for descriptor, _ in self._poll.poll(TICK * 1000):
                hand = self._by_descriptor[descriptor]
                if not hand.shard.receive():
                    self._lose(hand)

    def _listen(self, endpoint: Endpoint) -> socket.socket:
        listener = socket.socket(endpoint.family.value, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            # Accepted connections inherit it: a worker's end leaves no TIME_WAIT.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if ":" in endpoint.address:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(endpoint.pair)
            listener.listen(self._service.backlog)
        except OSError as error:
            listener.close()
            raise ProbeRefused(
                f"cannot listen on {endpoint}: {(error.strerror or str(error)).lower()}",
                errno=error.errno,
                hint="see `ip address` for the addresses and `ss -ltnp` for the ports in use",
            ) from error
        return listener

    def _hire(self) -> None:
        number = len(self.hands)
        book = account.new()
        service, arena, nofile = self._service, self._arena, self._nofile

        def work(control: shard.Control) -> None:
            Worker(
                control,
                book,
                arena,
                secret=service.secret,
                descriptors=nofile,
                patience=service.patience,
            ).run()

        # Between fork and here a signal would leave a process that nobody knows of.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            one = shard.start(
                Role.SERVER,
                work,
                user=self._user,
                nofile=nofile,
                cpu=self._cpus[number % len(self._cpus)],
            )
            hand = Hand(number=number, shard=one, account=book)
            self.hands.append(hand)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        self._poll.register(one.control, select.POLLIN)
        self._by_descriptor[one.control.fileno()] = hand
        for held in self._held.values():
            one.send(orders.session(held.session))
        # One that could not be set up has ended by now, and says why.
        with suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(
                one.control, [orders.LISTEN], [listener.fileno() for listener in self._listeners]
            )

    def _hear(self, hand: Hand, message: bytes) -> None:
        kind = message[:1]
        if not message:
            self._lose(hand)
        elif kind == orders.LISTEN:
            hand.listens = True
        elif kind == orders.OPEN:
            self._open(hand, message)
        elif kind == orders.CLOSED:
            self._end(orders.number_of(message))
        elif kind == orders.END:
            self._let_go(orders.number_of(message), hand)
        elif kind == shard.REFUSED:
            raise ProbeRefused(
                f"a process of the server could not be set up: {message[1:].decode()}",
                hint="run as root on the host, or give the user that this is: --as root",
            )
        elif kind == shard.FAILED:
            raise RuntimeError(f"worker {hand.number} failed:\n{message[1:].decode()}")

    def _open(self, hand: Hand, message: bytes) -> None:
        serial, share, key = orders.request_of(message)
        found = self._registry.open(share, key)
        if isinstance(found, Answer):
            self.turned_away += 1
            hand.shard.send(orders.answered(serial, found, room=self._registry.room))
            return
        self._held[found.number] = _Held(session=found, owner=hand, since=time.monotonic())
        self._tell(self._alive(), orders.session(found))
        workers = -(-self._registry.reserved // self._room)
        while len(self._by_descriptor) < min(workers, MOST_WORKERS):
            self._hire()
        hand.shard.send(orders.answered(serial, Answer.YES, session=found.number))

    def _end(self, number: int) -> None:
        """Have every worker let go of a session; its cells are free once they have."""
        held = self._held.get(number)
        if held is None or held.ending is not None:
            return
        self._file(held, complete=True)
        held.ending = {hand.number for hand in self._alive()}
        self._tell(self._alive(), orders.about(orders.END, number))

    def _let_go(self, number: int, hand: Hand) -> None:
        held = self._held.get(number)
        if held is None or held.ending is None:
            return
        held.ending.discard(hand.number)
        if not held.ending:
            del self._held[number]
            session = self._registry.end(number)
            self._arena.wipe(session.start, session.end)

    def _file(self, held: _Held, *, complete: bool) -> None:
        if held.ending is not None:
            return
        session = held.session
        marks = bytes(self._arena.marks[session.start : session.end])
        self.served.append(
            SessionServed(
                number=session.number,
                asked=session.share.connections,
                proved=len(marks) - marks.count(0),
                seconds=time.monotonic() - held.since,
                complete=complete,
            )
        )

    def _lose(self, hand: Hand) -> None:
        """Take note of the end of a worker, expected or not, and find another one if it was not.
        The kernel resets what it had.
        """
        descriptor = hand.shard.control.fileno()
        del self._by_descriptor[descriptor]
        self._poll.unregister(descriptor)
        hand.shard.reap()
        hand.account[Item.OPEN] = 0
        # One that never listened would not fare better a second time.
        if hand.listens and not self._closing and len(self.hands) < MOST_WORKERS:
            self._hire()
        for held in list(self._held.values()):
            if held.ending is not None:
                self._let_go(held.session.number, hand)
            elif held.owner is hand:
                self._end(held.session.number)

    def _alive(self) -> list[Hand]:
        return list(self._by_descriptor.values())

    def _tell(self, hands: Iterable[Hand], message: bytes) -> None:
        for hand in hands:
            hand.shard.send(message)
