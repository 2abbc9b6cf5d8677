"""One process of a load: how it is started, what it is told, and what it answers.

The supervisor and a shard talk over a SOCK_SEQPACKET pair, a message at a time; the end of either
is the end of the pair for the other. All figures are in the ledger.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tunekit.kernel import process
from tunekit.probe.load import Phase

LISTENING = b"L"
"""From a server: it listens; the ports follow, two bytes each in this machine's order."""
CONNECT = b"C"
"""To a client: open the connections, paced as follows if anything does; and back when through."""
PROVE = b"P"
"""To a server: expect the tokens of the round that follows. To a client: prove it. And back."""
TALK = b"T"
"""To a server: echo whatever comes. To a client: the round of messages that follows. And back."""
QUIT = b"Q"
"""To either: reset all connections and exit."""
FAILED = b"!"
"""From either: a mistake in the program; the traceback follows."""
REFUSED = b"E"
"""From either: it may not become who it should be; why follows."""

Control = socket.socket
Work = Callable[[Control], None]

_LARGEST_MESSAGE = 1 << 17


class Role(Enum):
    """Which end of the connections a shard has."""

    SERVER = "server"
    CLIENT = "client"


@dataclass(slots=True, eq=False, kw_only=True)
class Shard:
    """A shard as the supervisor sees it. `ended` is its exit code once it has been reaped, less
    than 0 for a signal; `given_up` says that the signal was ours, `ended_in` the phase when it was
    seen to be gone.
    """

    role: Role
    pid: int
    control: socket.socket
    ended: int | None = None
    given_up: bool = False
    ended_in: Phase = Phase.CLOSE
    max_rss: int = 0
    user_seconds: float = 0.0
    system_seconds: float = 0.0

    @property
    def alive(self) -> bool:
        """Tell whether it has not been reaped."""
        return self.ended is None

    @property
    def died(self) -> bool:
        """Tell whether it ended as it should not have, and by no doing of ours."""
        return bool(self.ended) and not self.given_up

    def send(self, message: bytes) -> None:
        """Tell it something; nothing happens when it has just died, which is seen as such."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.control.send(message)

    def receive(self) -> bytes:
        """Take its next message, empty when it has ended."""
        try:
            return self.control.recv(_LARGEST_MESSAGE)
        except ConnectionResetError:
            return b""

    def reap(self) -> None:
        """Wait for its end and keep what it used."""
        if self.ended is not None:
            return
        # What a handler raised between the call and its result would lose the result for good.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            _, status, usage = os.wait4(self.pid, 0)
            self.ended = os.waitstatus_to_exitcode(status)
            self.max_rss = usage.ru_maxrss * 1024
            self.user_seconds = usage.ru_utime
            self.system_seconds = usage.ru_stime
            self.control.close()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def kill(self) -> None:
        """Have it end now; it is to be reaped yet."""
        if self.ended is None:
            self.given_up = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When the connections of a shard are due: the first at `start`, on the monotonic clock, and
    each of the others `interval` after the one before. Both are nanoseconds.
    """

    start: int
    interval: int

    def due(self, index: int) -> int:
        """When a connection is to be begun."""
        return self.start + index * self.interval


_PACE = struct.Struct(">QQ")


def connect(pace: Pace | None = None) -> bytes:
    """The message that has a client open its connections."""
    return CONNECT + (_PACE.pack(pace.start, pace.interval) if pace else b"")


def pace_of(message: bytes) -> Pace | None:
    """The pace that a CONNECT message asks for."""
    if len(message) == len(CONNECT):
        return None
    start, interval = _PACE.unpack(message[len(CONNECT) :])
    return Pace(start=start, interval=interval)


def prove(round_: int) -> bytes:
    """The message that begins a round of proof."""
    return PROVE + round_.to_bytes(4, "big")


def talk(round_: int) -> bytes:
    """The message that begins a round of messages."""
    return TALK + round_.to_bytes(4, "big")


def round_of(message: bytes) -> int:
    """The round that a PROVE or TALK message is about."""
    return int.from_bytes(message[1:], "big")


def start(
    role: Role,
    work: Work,
    *,
    user: process.User | None,
    nofile: int,
    cpu: int,
) -> Shard:
    """Fork a shard that calls `work` with its end of the control pair and exits.

    Signals must be blocked by the caller, or one could be handled twice. Raises OSError.
    """
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        mine.close()
        raise
    finally:
        if os.getpid() == parent:
            theirs.close()
    if pid == 0:
        _run(work, theirs.fileno(), parent, lambda: _set_up(user, nofile, cpu))
    return Shard(role=role, pid=pid, control=mine)


def _run(
    work: Work,
    descriptor: int,
    parent: int,
    set_up: Callable[[], None],
) -> None:
    import gc

    status = 1
    try:
        # An object of the parent's that is collected here would close a number that is by then a
        # connection.
        gc.disable()
        control = socket.socket(fileno=process.keep_only(descriptor))
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP):
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        try:
            set_up()
        except (OSError, ValueError) as error:
            control.send(REFUSED + str(error).encode())
            return
        process.die_with(parent)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        try:
            work(control)
            status = 0
        except Exception:
            import traceback

            control.send(FAILED + traceback.format_exc().encode())
    finally:
        os._exit(status)


def _set_up(user: process.User | None, nofile: int, cpu: int) -> None:
    # It is a matter of speed only; a cpuset may have changed.
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {cpu})
    process.volunteer()
    # A hard limit is root's to raise, so this comes first.
    _, hard = process.descriptor_limits()
    process.set_descriptor_limits(nofile, max(hard, nofile))
    if user is not None:
        process.become(user)
