"""Calling a function in a child process of its own.

The child has a process group of its own, so that Ctrl-C reaches it once, from the parent, and not
a second time from the terminal: the second would cut short the undoing that the first began.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn, TypeVar, cast

from tunekit.errors import ChildEnded, TunekitError, UsageError
from tunekit.kernel.process import die_with

T = TypeVar("T")

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

_LENGTH_BYTES = 8


def call(function: Callable[[], T]) -> T:
    """Call a function in a child process and return what it returns, or raise what it raises.

    Signals of FORWARDED are passed on; the child gets SIGTERM when this process dies. Anything
    but a TunekitError carries the child's traceback as a note. Raises ChildEnded when the child
    ended without a result, and UsageError outside of the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread may handle signals, and nobody would pass them on.
        raise UsageError(
            "another network namespace can be entered from the main thread only",
            hint="call it from there, or from a process of its own",
        )
    # What is still in these buffers would be written twice.
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe2(os.O_CLOEXEC)
    parent = os.getpid()
    # Held back until there is a child to pass them on to, and the child is ready to take them.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    try:
        try:
            pid = os.fork()
            if pid == 0:
                _run_child(function, writer, parent, blocked)
        finally:
            os.close(writer)
        with _forwarding(pid) as forwarded:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            message, status = _await(pid, reader)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.close(reader)
    if message:
        return cast("T", _result(message))
    ended = os.waitstatus_to_exitcode(status)
    if -ended in forwarded:
        # The child died of what was sent to this process, so let it do here what it does here.
        signal.raise_signal(-ended)
    how = f"killed by {signal.Signals(-ended).name}" if ended < 0 else f"exit status {ended}"
    raise ChildEnded(
        f"the child process ended before it was done: {how}",
        errno=errno.ECHILD,
        hint="if it was writing, `tunekit history` shows it and `tunekit rollback` undoes it",
    )


def _run_child(
    function: Callable[[], object], writer: int, parent: int, blocked: set[int | signal.Signals]
) -> NoReturn:
    status = 1
    try:
        os.setpgid(0, 0)
        # The child writes to the terminal from the background, which `stty tostop` would stop.
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        die_with(parent, signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        _send(writer, _outcome(function))
        status = 0
    finally:
        # No handler of the parent's, no atexit, no frame of the parent's may run here.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)


def _outcome(function: Callable[[], object]) -> bytes:
    import pickle

    outcome: tuple[bool, object]
    try:
        outcome = True, function()
    except BaseException as error:
        if not isinstance(error, TunekitError):
            import traceback

            error.add_note("in the child process:\n" + traceback.format_exc())
        outcome = False, error
    try:
        return pickle.dumps(outcome)
    except Exception as error:
        # A result that cannot cross is a mistake of the caller's; say which it was.
        return pickle.dumps((False, TypeError(f"{outcome[1]!r} cannot be pickled: {error}")))


def _send(writer: int, message: bytes) -> None:
    data = memoryview(len(message).to_bytes(_LENGTH_BYTES, sys.byteorder) + message)
    while data:
        data = data[os.write(writer, data) :]


@contextlib.contextmanager
def _forwarding(pid: int) -> Iterator[set[int]]:
    forwarded: set[int] = set()

    def forward(number: int, _frame: FrameType | None) -> None:
        forwarded.add(number)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    before: dict[signal.Signals, Any] = {}
    try:
        for number in FORWARDED:
            before[number] = signal.signal(number, forward)
        yield forwarded
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _await(pid: int, reader: int) -> tuple[bytes, int]:
    """Return what the child said, empty if it did not finish saying it, and its wait status.

    The end of the child is awaited as such and not as the end of the pipe: processes that it
    started may hold the pipe open when it is killed.
    """
    watched = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        poll.register(watched, select.POLLIN)
        data = bytearray()
        open_pipe = True
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if reader in ready and open_pipe:
                chunk = os.read(reader, 1 << 16)
                data += chunk
                if not chunk:
                    poll.unregister(reader)
                    open_pipe = False
            elif watched in ready:
                break
        _, status = os.waitpid(pid, 0)
    finally:
        os.close(watched)
    length = int.from_bytes(data[:_LENGTH_BYTES], sys.byteorder)
    whole = len(data) >= _LENGTH_BYTES and len(data) == _LENGTH_BYTES + length
    return (bytes(data[_LENGTH_BYTES:]) if whole else b""), status


def _result(message: bytes) -> object:
    import pickle

    succeeded, value = pickle.loads(message)
    if succeeded:
        return value
    raise value
