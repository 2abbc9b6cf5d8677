"""A client shard whose server is on another host.

Connects take a round trip, so a window of them is under way at a time; each connection begins with
a greeting, since the server drops who does not say soon whose it is. Every socket resets when it
is closed: nobody else sees to it that no TIME_WAIT is left here.
"""

from __future__ import annotations

import _socket
import errno
import os
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import suppress

from tunekit.probe import tokens
from tunekit.probe.client import Client
from tunekit.probe.ledger import Ledger
from tunekit.probe.load import Phase
from tunekit.probe.remote.aim import Route
from tunekit.probe.remote.line import bind_source
from tunekit.probe.remote.wire import Keys
from tunekit.probe.shard import CONNECT, PROVE, Control, Pace, pace_of, round_of

WINDOW = 256
"""Connects of a process that are under way at a time."""

_LOOK_EVERY = 16
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_GOING_ON = (0, errno.EINPROGRESS)
_EXHAUSTED = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL}
)


class Loader(Client):
    """One process's ends of the connections of one session."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        keys: Keys,
        session: int,
        shard: int,
        in_flight: int,
        patience: float,
    ) -> None:
        super().__init__(
            ledger, nonce=keys.nonce, shard=shard, in_flight=in_flight, patience=patience
        )
        self._keys = keys
        self._number = session
        self._first_place = shard << tokens.INDEX_BITS

    def load(self, routes: Sequence[Route], pace: Pace | None) -> None:
        """Open the connections of each route, one route after the other."""
        index = 0
        for route in routes:
            for _ in range(route.connections):
                start = time.monotonic_ns() if pace is None else pace.due(index)
                self._wait_until(start) if pace else self._make_room(index)
                failure = self._begin(route, index, start)
                if failure in _EXHAUSTED:
                    self._settle(self._patience)
                    missing = self._ledger.connections - self._started
                    self._ledger.lose(Phase.CONNECT, failure, missing)
                    return
                if failure:
                    self._ledger.lose(Phase.CONNECT, failure)
                index += 1
        self._settle(self._patience)

    def _make_room(self, index: int) -> None:
        if len(self._pending) >= WINDOW:
            self._settle(self._patience, enough=WINDOW // 2)
        elif index % _LOOK_EVERY == 0:
            self._settle(0)

    def _begin(self, route: Route, index: int, start: int) -> int:
        """Begin one connect; return the errno that it ended with, else 0."""
        try:
            one = _socket.socket(
                route.target.family.value, socket.SOCK_STREAM | socket.SOCK_NONBLOCK
            )
        except OSError as error:
            return error.errno or errno.EIO
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            if route.source is not None:
                bind_source(one, route.source)
            failure = one.connect_ex(route.target.pair)
        except OSError as error:
            failure = error.errno or errno.EIO
        if failure in _GOING_ON:
            self._wait_for(one.detach(), index, start)
            return 0
        one.close()
        return failure

    def _settled(self, indices: Sequence[int]) -> None:
        greeting, number, first = self._keys.greeting, self._number, self._first_place
        for index in indices:
            # One that the server has dropped already is found when its token is due.
            with suppress(OSError):
                os.write(self._descriptors[index], greeting(number, first + index))


def run(control: Control, loader: Loader, routes: Sequence[Route]) -> None:
    """Do what the supervisor says, until it says to quit or is gone."""
    while True:
        message = control.recv(64)
        if message[:1] == CONNECT:
            loader.load(routes, pace_of(message))
        elif message[:1] == PROVE:
            loader.prove(round_of(message))
        else:
            break
        control.send(message[:1])
    loader.close()
