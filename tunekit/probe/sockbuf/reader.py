"""A reader in a process of its own, that reads one message and says when it has all of it."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from tunekit.kernel.child import FORWARDED
from tunekit.kernel.process import die_with

CHUNK = 1 << 16


@contextmanager
def reading(receiver: socket.socket, size: int, *, pause: float) -> Iterator[None]:
    """Have a child read `size` bytes from a connected socket, `pause` seconds after each 64 KiB,
    and answer with one byte. The child is gone when the block is left, however it is left.
    """
    parent = os.getpid()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    try:
        pid = os.fork()
        if pid == 0:
            _read(receiver, size, pause, parent)
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            yield
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _read(receiver: socket.socket, size: int, pause: float, parent: int) -> NoReturn:
    status = 1
    try:
        for number in FORWARDED:
            signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        die_with(parent, signal.SIGKILL)
        receiver.setblocking(True)
        left = size
        room = bytearray(CHUNK)
        while left > 0:
            count = receiver.recv_into(room, min(CHUNK, left))
            if count == 0:
                break
            left -= count
            if pause:
                time.sleep(pause)
        receiver.sendall(b"!")
        status = 0
    finally:
        os._exit(status)
