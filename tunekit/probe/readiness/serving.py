"""Echo servers of the far process: one loop over all connections, or a thread or process for each.

What they do with a message is the same to the byte: one read, one write.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from tunekit.kernel import process
from tunekit.probe.readiness.model import Mechanism

_MESSAGE = 64
_STACK = 256 * 1024
"""Bytes of a thread's stack: address space, of which an echo touches a few pages."""


def serve(mechanism: Mechanism, descriptors: Sequence[int], *, ready: Callable[[], object]) -> None:
    """Echo on each connection until this process is killed; calls `ready` when it can begin.

    Raises OSError when no more threads or processes can be had.
    """
    match mechanism:
        case Mechanism.THREAD:
            _in_threads(descriptors)
            ready()
            threading.Event().wait()
        case Mechanism.PROCESS:
            _in_processes(descriptors)
            ready()
            threading.Event().wait()
        case _:
            _in_loop(mechanism, descriptors, ready)


def _in_loop(
    mechanism: Mechanism, descriptors: Sequence[int], ready: Callable[[], object]
) -> NoReturn:
    wait = _waiting(mechanism, descriptors)
    read, write = os.read, os.write
    ready()
    while True:
        for each in wait():
            write(each, read(each, _MESSAGE))


def _waiting(mechanism: Mechanism, descriptors: Sequence[int]) -> Callable[[], Iterable[int]]:
    """A function that waits and returns what can be read, as the `select` module has it."""
    match mechanism:
        case Mechanism.SELECT:
            return lambda: select.select(descriptors, (), ())[0]
        case Mechanism.POLL:
            poll = select.poll()
            for each in descriptors:
                poll.register(each, select.POLLIN)
            return lambda: [each for each, _ in poll.poll()]
        case _:
            edge = select.EPOLLET if mechanism is Mechanism.EDGE else 0
            epoll = select.epoll()
            for each in descriptors:
                epoll.register(each, select.EPOLLIN | edge)
            most = len(descriptors)
            return lambda: [each for each, _ in epoll.poll(-1, most)]


def _echo(descriptor: int) -> None:
    read, write = os.read, os.write
    with contextlib.suppress(ConnectionError):
        while data := read(descriptor, _MESSAGE):
            write(descriptor, data)


def _in_threads(descriptors: Sequence[int]) -> None:
    threading.stack_size(_STACK)
    for each in descriptors:
        threading.Thread(target=_echo, args=(each,), daemon=True).start()


def _in_processes(descriptors: Sequence[int]) -> None:
    parent = os.getpid()
    lowest, highest = min(descriptors), max(descriptors)
    for each in descriptors:
        if os.fork() == 0:
            try:
                process.die_with(parent)
                os.closerange(lowest, each)
                os.closerange(each + 1, highest + 1)
                _echo(each)
            finally:
                os._exit(0)
