"""Starting the shards, leading them through the phases, and ending them whatever happens."""

from __future__ import annotations

import errno
import os
import select
import signal
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType

from tunekit.errors import ProbeRefused
from tunekit.kernel import process
from tunekit.probe import addresses, client, server, shard
from tunekit.probe.ledger import Cell, Ledger
from tunekit.probe.load import Load, Phase
from tunekit.probe.plan import Layout
from tunekit.probe.shard import Role, Shard

TICK = 0.1
"""Seconds between two looks at the ledgers."""


class OutOfTime(Exception):
    """The load took longer than it may."""


@dataclass(slots=True, eq=False, kw_only=True)
class Pair:
    """A server, its client, and what they have done."""

    number: int
    ledger: Ledger
    server: Shard | None = None
    client: Shard | None = None
    ports: array[int] = field(default_factory=lambda: array("H"))

    @property
    def shards(self) -> list[Shard]:
        """Those that were started."""
        return [one for one in (self.server, self.client) if one is not None]


class Supervisor:
    """All the shards of a load; a context manager, since they must be gone at its end.

    `tick` is called ten times a second while anything is awaited. `at_once` client shards work at
    a time, each with a processor for itself and its server: more would only wait for each other,
    and what a connection needs is in the cache where its other end has just been.
    """

    def __init__(
        self,
        load: Load,
        layout: Layout,
        *,
        user: process.User | None,
        nonce: int,
        at_once: int,
        tick: Callable[[Phase], None],
    ) -> None:
        self.phase = Phase.START
        self.pairs = [
            Pair(number=number, ledger=Ledger(count))
            for number, count in enumerate(layout.connections)
        ]
        self._load = load
        self._layout = layout
        self._user = user
        self._nonce = nonce
        self._at_once = at_once
        self._cpus = sorted(os.sched_getaffinity(0))
        self._tick = tick
        self._ticked = 0.0
        self._deadline = time.monotonic() + load.deadline
        self._poll = select.poll()
        self._shards: dict[int, tuple[Pair, Shard]] = {}

    def __enter__(self) -> Supervisor:
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
            for role in Role:
                ending = [one for one in self.shards() if one.role is role]
                for one in ending:
                    one.kill()
                for one in ending:
                    one.reap()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def shards(self) -> Iterator[Shard]:
        """Every shard that was started."""
        for pair in self.pairs:
            yield from pair.shards

    def start(self) -> None:
        """Start all servers, wait until they listen, then start all clients."""
        process.load_libc()
        for pair in self.pairs:
            self._start(Role.SERVER, pair, self._serving(pair))
        for pair, message in self._answers(set(self.pairs), shard.LISTENING):
            pair.ports.frombytes(message)
        for pair in self.pairs:
            if pair.ports:
                self._start(Role.CLIENT, pair, self._connecting(pair))

    def connect(self) -> None:
        """Have every client open its connections."""
        self.phase = Phase.CONNECT
        if self._load.rate is None:
            self._lead(lambda pair: shard.connect())
            return
        paces = self._paces(self._load.rate)
        self._lead(lambda pair: shard.connect(paces[pair]))

    def _paces(self, rate: float) -> dict[Pair, shard.Pace]:
        """When each pair begins its connections, so that all lanes together keep to the rate."""
        start = time.monotonic_ns()
        lanes = min(self._at_once, len(self.pairs))
        interval = int(lanes * 1e9 / rate)
        paces = {}
        for lane in range(lanes):
            due = start + lane * interval // lanes
            for pair in self.pairs[lane::lanes]:
                paces[pair] = shard.Pace(start=due, interval=interval)
                due += interval * pair.ledger.connections
        return paces

    def prove(self, round_: int) -> None:
        """Have every client prove its connections, in rounds counted from 1."""
        self.phase = Phase.PROVE if round_ == 1 else Phase.PROVE_AGAIN
        for pair in self.pairs:
            pair.ledger.cells[Cell.PROVED] = 0
        self._prepare(shard.prove(round_))
        self._lead(lambda pair: shard.prove(round_))

    def hold(self, seconds: float, messages: int = 0) -> float:
        """Keep everything open; have the clients send rounds of messages, spread over the time.

        Returns the seconds that the rounds took. It lasts longer when they do.
        """
        self.phase = Phase.HOLD
        start = time.monotonic()
        talked = 0.0
        if messages:
            self._prepare(shard.talk(0))
        for number in range(messages):
            self._wait_until(start + seconds * number / messages)
            began = time.monotonic()
            self._lead(lambda pair, number=number: shard.talk(number + 1))  # type: ignore[misc]
            talked += time.monotonic() - began
        self._wait_until(start + seconds)
        return talked

    def _wait_until(self, end: float) -> None:
        while (left := end - time.monotonic()) > 0:
            for _ in self._messages(left):
                pass

    def _prepare(self, command: bytes) -> None:
        """Tell the servers what their clients are about to do, and wait until all know."""
        serving = {pair for pair in self.pairs if pair.server and pair.server.alive}
        for pair in serving:
            _tell(pair.server, command)
        for _ in self._answers(serving, command[:1]):
            pass

    def close(self) -> None:
        """Have every shard close its connections and exit; those that do not are killed later."""
        self.phase = Phase.CLOSE
        self._deadline = float("inf")
        self._tick(self.phase)
        # Servers first: their resets leave the clients nothing to close, and no TIME_WAIT.
        for role in Role:
            ending = [one for one in self.shards() if one.role is role and one.alive]
            for one in ending:
                one.send(shard.QUIT)
            last = time.monotonic()
            while ending and time.monotonic() < last + self._load.patience:
                self._messages(TICK)
                still = [one for one in ending if one.alive]
                if len(still) < len(ending):
                    last = time.monotonic()
                ending = still

    def _start(self, role: Role, pair: Pair, work: shard.Work) -> None:
        # Between fork and here a signal would leave a process that nobody knows of.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            one = shard.start(
                role,
                work,
                user=self._user,
                nofile=self._layout.nofile,
                cpu=self._cpus[pair.number % self._at_once % len(self._cpus)],
            )
            if role is Role.SERVER:
                pair.server = one
            else:
                pair.client = one
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        self._poll.register(one.control, select.POLLIN)
        self._shards[one.control.fileno()] = pair, one

    def _serving(self, pair: Pair) -> shard.Work:
        load, layout = self._load, self._layout
        first = pair.number * layout.listeners
        where = [self._destination(first + n) for n in range(layout.listeners)]

        def work(control: shard.Control) -> None:
            server.run(
                control,
                server.Server(
                    pair.ledger, nonce=self._nonce, shard=pair.number, descriptors=layout.nofile
                ),
                load.family,
                where,
                backlog=load.backlog,
            )

        return work

    def _connecting(self, pair: Pair) -> shard.Work:
        load, layout = self._load, self._layout
        first = layout.first_listener(pair.number)
        shares = layout.shares(pair.number)
        targets: list[tuple[client.Address, int]] = []
        for n, port in enumerate(pair.ports):
            where = self._destination(first + n)
            targets.append((where if isinstance(where, bytes) else (where, port), shares[n]))
        if unserved := sum(shares[len(targets) :]):
            # The server could not listen for these, and has said why.
            pair.ledger.lose(Phase.START, _first_fault(pair), unserved)

        def work(control: shard.Control) -> None:
            client.run(
                control,
                client.Client(
                    pair.ledger,
                    nonce=self._nonce,
                    shard=pair.number,
                    in_flight=layout.in_flight,
                    patience=load.patience,
                ),
                load,
                targets,
            )

        return work

    def _destination(self, serial: int) -> addresses.Place:
        return addresses.destination(self._load.family, serial, self._nonce)

    def _lead(self, command: Callable[[Pair], bytes]) -> None:
        """Have the clients do something, one at a time in each lane."""
        lanes = [
            deque(
                pair
                for pair in self.pairs[first :: self._at_once]
                if pair.client and pair.client.alive
            )
            for first in range(self._at_once)
        ]
        busy: dict[Pair, deque[Pair]] = {}
        kind = b""

        def next_of(lane: deque[Pair]) -> None:
            nonlocal kind
            if lane:
                pair = lane.popleft()
                busy[pair] = lane
                message = command(pair)
                kind = message[:1]
                _tell(pair.client, message)

        self._tick(self.phase)
        for lane in lanes:
            next_of(lane)
        while busy:
            for pair, one, message in self._messages(TICK):
                through = not message or message[:1] == kind
                if one is pair.client and through and pair in busy:
                    next_of(busy.pop(pair))
        self._tick(self.phase)

    def _answers(self, pairs: set[Pair], kind: bytes) -> Iterator[tuple[Pair, bytes]]:
        """The servers' answers of a kind, until each of the pairs has answered or ended, or none
        has for as long as we are patient.
        """
        last = time.monotonic()
        while pairs and time.monotonic() < last + self._load.patience:
            for pair, one, message in self._messages(TICK):
                if one is pair.server and (not message or message[:1] == kind):
                    last = time.monotonic()
                    pairs.discard(pair)
                    if message:
                        yield pair, message[1:]

    def _messages(self, seconds: float) -> list[tuple[Pair, Shard, bytes]]:
        """What the shards say within a time, at most a tick; an empty message is their end."""
        now = time.monotonic()
        if now >= self._deadline:
            raise OutOfTime
        messages = []
        for descriptor, _ in self._poll.poll(min(TICK, max(0.0, seconds)) * 1000):
            pair, one = self._shards[descriptor]
            message = one.receive()
            if message[:1] == shard.FAILED:
                text = message[1:].decode()
                raise RuntimeError(f"{one.role.value} {pair.number} failed:\n{text}")
            if message[:1] == shard.REFUSED:
                raise ProbeRefused(
                    f"a process of the load could not be set up: {message[1:].decode()}",
                    hint="run as root on the host, or give the user that this is: --as root",
                )
            if not message:
                del self._shards[descriptor]
                self._poll.unregister(descriptor)
                one.ended_in = self.phase
                one.reap()
            messages.append((pair, one, message))
        if now - self._ticked >= TICK:
            self._ticked = now
            self._tick(self.phase)
        return messages


def _first_fault(pair: Pair) -> int:
    """The errno that kept a server from listening."""
    return next((number for _, number, _ in pair.ledger.fault_numbers()), errno.EIO)


def _tell(one: Shard | None, message: bytes) -> None:
    if one is not None and one.alive:
        one.send(message)
