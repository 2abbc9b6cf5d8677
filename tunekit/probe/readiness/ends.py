"""Many connections whose near ends are watched here, and whose far ends a process of its own has.

So that nofile bounds what can be watched and not half of it. The far process connects, and writes
a byte wherever it is told to; it is forked with the care of `probe.shard` and dies with this one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
from array import array
from collections.abc import Iterator, Sequence

from tunekit.errors import ProbeRefused, ReadFailed
from tunekit.kernel import footprint, process
from tunekit.probe import shard
from tunekit.probe.addresses import destination, listeners_for
from tunekit.probe.load import Family
from tunekit.probe.readiness import serving
from tunekit.probe.readiness.model import Mechanism
from tunekit.probe.shard import Control, Role, Shard

SPARE = 32
"""Descriptors of this process that are none of the watched: listeners, control, epoll, files."""

CONNECT = b"C"
"""To the far process: open so many connections to the listener of that number; and back."""
ROUSE = b"R"
"""To the far process: write a byte on each of the connections that follow; and back."""
SERVE = b"S"
"""To the far process: echo what comes in the manner of that number of `Mechanism`; and back."""

MECHANISMS = tuple(Mechanism)

_AT_ONCE = 16
"""Connections begun before any is accepted: within every backlog that is not absurd."""
_PATIENCE = 5.0
_HOLD_BACK = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Ends:
    """The near ends of open connections, in the order of the far process's.

    `obstacle` says what stopped it when they are fewer than asked for; `private_before` is the
    memory of the far process before it served, in bytes.
    """

    def __init__(self, far: Shard) -> None:
        self.far = far
        self.sockets: list[socket.socket] = []
        self.obstacle = ""
        self.private_before = 0

    @property
    def descriptors(self) -> list[int]:
        """Their numbers."""
        return [each.fileno() for each in self.sockets]

    def rouse(self, connections: Sequence[int]) -> None:
        """Have a byte arrive on each of these, counted from 0, and wait until it has."""
        self.far.send(ROUSE + array("I", connections).tobytes())
        self.answer()

    def serve(self, mechanism: Mechanism) -> None:
        """Have the far process echo from now on, and wait until it is ready to."""
        with contextlib.suppress(ReadFailed):
            self.private_before = footprint.private(self.far.pid)
        self.far.send(SERVE + array("I", [MECHANISMS.index(mechanism)]).tobytes())
        self.answer()

    def answer(self) -> bytes:
        """Take the far process's next message. Raises ProbeRefused when it has failed."""
        message = self.far.receive()
        if not message or message[:1] in (shard.FAILED, shard.REFUSED):
            said = message[1:].decode(errors="replace").strip().rpartition("\n")[2]
            raise ProbeRefused(
                f"the far ends are gone: {said or 'their process was killed'}",
                hint="see dmesg; ask for fewer --descriptors",
            )
        return message


@contextlib.contextmanager
def opened(
    family: Family,
    count: int,
    *,
    cpu: int,
    ports: int,
) -> Iterator[Ends]:
    """Open `count` connections and close them all at the end, whatever happens.

    Fewer are open when a limit stops it. The far process is pinned to `cpu`. `ports` is how many
    the local range has.
    """
    nonce = int.from_bytes(os.urandom(4), "big")
    with contextlib.ExitStack() as stack:
        listeners = [
            stack.enter_context(_listener(family, serial, nonce))
            for serial in range(listeners_for(count, ports))
        ]
        places = [each.getsockname() for each in listeners]
        ends = _begin(stack, Far(family, places), cpu)
        _connect(ends, listeners, count)
        for each in listeners:
            each.close()
        yield ends


class Far:
    """The far process: its ends of the connections, and what it does with them."""

    def __init__(self, family: Family, places: Sequence[object]) -> None:
        self._descriptors: list[int] = []
        self._family = family
        self._places = places

    def run(self, control: Control) -> None:
        """Do what is asked until the near process is gone."""
        while message := control.recv(1 << 20):
            kind, rest = message[:1], array("I", message[1:])
            if kind == CONNECT:
                control.send(self._connect(*rest))
            elif kind == SERVE:
                mechanism = MECHANISMS[rest[0]]
                serving.serve(mechanism, self._descriptors, ready=lambda: control.send(SERVE))
            else:
                for index in rest:
                    os.write(self._descriptors[index], b"x")
                control.send(ROUSE)

    def _connect(self, listener: int, count: int) -> bytes:
        for _ in range(count):
            try:
                connection = socket.socket(self._family.value)
                connection.settimeout(_PATIENCE)
                connection.connect(self._places[listener])  # type: ignore[arg-type]
                connection.settimeout(None)
            except OSError as error:
                return CONNECT + str(error.strerror or error).encode()
            self._descriptors.append(connection.detach())
        return CONNECT


def _begin(stack: contextlib.ExitStack, far: Far, cpu: int) -> Ends:
    _, hard = process.descriptor_limits()
    # A signal between the fork and the callback would leave the process behind.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _HOLD_BACK)
    try:
        started = shard.start(Role.CLIENT, far.run, user=None, nofile=hard, cpu=cpu)
        ends = Ends(started)
        stack.callback(_end, ends)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return ends


def _end(ends: Ends) -> None:
    # The near ends close first, with a reset, and no port lies in TIME_WAIT.
    for each in ends.sockets:
        each.close()
    ends.far.kill()
    # Processes that it started hold the control socket, too: its end is the end of the last one.
    with contextlib.suppress(OSError):
        while ends.far.receive():
            pass
    ends.far.reap()


def _listener(family: Family, serial: int, nonce: int) -> socket.socket:
    listener = socket.socket(family.value)
    listener.settimeout(_PATIENCE)
    place = destination(family, serial, nonce)
    try:
        # Accepted sockets inherit it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        listener.bind(place if isinstance(place, bytes) else (place, 0))
        listener.listen(2 * _AT_ONCE)
    except OSError as error:
        listener.close()
        raise ProbeRefused(
            f"no listener on loopback: {error.strerror}",
            errno=error.errno,
            hint="ip link set lo up" if family is not Family.UNIX else "see ulimit -n",
        ) from error
    return listener


def _connect(ends: Ends, listeners: Sequence[socket.socket], count: int) -> None:
    each = -(-count // len(listeners))
    while (done := len(ends.sockets)) < count:
        number = done // each
        some = min(_AT_ONCE, count - done, (number + 1) * each - done)
        ends.far.send(CONNECT + array("I", (number, some)).tobytes())
        problem = ends.answer()[1:].decode()
        try:
            for _ in range(some if not problem else 0):
                accepted, _ = listeners[number].accept()
                accepted.setblocking(False)
                ends.sockets.append(accepted)
        except OSError as error:
            problem = str(error.strerror or error)
        if problem:
            ends.obstacle = problem
            return
