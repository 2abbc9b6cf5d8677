"""One waiting system call a round, on bare descriptors and through nothing that scales with them.

The calls go to libc directly. The `select` module would build a list of what is ready, and sets
for select, in time that grows with the number of descriptors and belongs to Python; a call through
ctypes costs the same whatever the number, and `NullWaiter` measures how much that is.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from typing import Protocol

from tunekit.probe.readiness.model import Mechanism, Wait

FD_SETSIZE = 1024
"""Bits of the C library's fd_set (<sys/select.h>)."""

_LIBC = ctypes.CDLL(None, use_errno=True)
_MILLISECONDS = {Wait.NOW: ctypes.c_int(0), Wait.BLOCKING: ctypes.c_int(-1)}
_WORD = 64
# struct epoll_event is packed on x86-64 only; 16 bytes are enough for either.
_EVENT_SIZE = 16
_READABLE = select.EPOLLIN


class Waiter(Protocol):
    """A mechanism that watches a set of descriptors for reading."""

    mechanism: Mechanism

    def prepare(self, calls: int) -> None:
        """Do what must come before so many calls and is not a part of their cost."""

    def run(self, wait: Wait, calls: int) -> int:
        """Wait so often; returns how many descriptors the last call found ready."""

    def ready(self) -> list[int]:
        """The descriptors that it finds ready now, without waiting."""

    def close(self) -> None:
        """Close what it opened."""


class NullWaiter:
    """Makes the cheapest system call instead: what is left is what a call costs in Python."""

    def call(self) -> Callable[[], int]:
        """What makes one such call."""
        return _LIBC.getppid

    def run(self, wait: Wait, calls: int) -> int:
        """Call getppid(2) so often."""
        call = self.call()
        for _ in repeat(None, calls):
            found = call()
        return int(found)


class PollWaiter:
    """poll(2) over one array that is written once: the kernel only writes its `revents`."""

    mechanism = Mechanism.POLL

    def __init__(self, descriptors: Sequence[int]) -> None:
        self._descriptors = descriptors
        entries = b"".join(struct.pack("ihh", each, select.POLLIN, 0) for each in descriptors)
        self._array = ctypes.create_string_buffer(entries, len(entries))
        self._count = ctypes.c_ulong(len(descriptors))

    def prepare(self, calls: int) -> None:
        """Nothing is needed."""

    def run(self, wait: Wait, calls: int) -> int:
        """Poll so often."""
        call, array, count, timeout = _LIBC.poll, self._array, self._count, _MILLISECONDS[wait]
        for _ in repeat(None, calls):
            found = call(array, count, timeout)
        return _checked(found)

    def ready(self) -> list[int]:
        """What one poll finds."""
        self.run(Wait.NOW, 1)
        entries = struct.iter_unpack("ihh", self._array.raw)
        return [descriptor for descriptor, _, events in entries if events]

    def close(self) -> None:
        """Nothing is open."""


class SelectWaiter:
    """select(2), each call with a fresh copy of the set, which it overwrites with its answer.

    `limit` is the highest descriptor that is taken; the C library's fd_set has no bit for more,
    though the kernel itself would take as many as the process has (core_sys_select, fs/select.c).
    """

    mechanism = Mechanism.SELECT

    def __init__(self, descriptors: Sequence[int], *, limit: int = FD_SETSIZE - 1) -> None:
        highest = max(descriptors)
        if highest > limit:
            raise ValueError(f"descriptor {highest} is past {limit}, the last bit of an fd_set")
        self._descriptors = descriptors
        self._highest = ctypes.c_int(highest + 1)
        words = [0] * (max(highest, FD_SETSIZE - 1) // _WORD + 1)
        for each in descriptors:
            words[each // _WORD] |= 1 << each % _WORD
        self._set = struct.pack(f"{len(words)}Q", *words)
        self._sets = ctypes.create_string_buffer(0)
        self._places: list[ctypes.c_void_p] = []
        self._timeouts = {Wait.NOW: ctypes.create_string_buffer(16), Wait.BLOCKING: None}

    def prepare(self, calls: int) -> None:
        """Copy the set for each call."""
        if len(self._places) != calls:
            self._sets = ctypes.create_string_buffer(len(self._set) * calls)
            start = ctypes.addressof(self._sets)
            self._places = [
                ctypes.c_void_p(start + len(self._set) * index) for index in range(calls)
            ]
        ctypes.memmove(self._sets, self._set * calls, len(self._set) * calls)

    def run(self, wait: Wait, calls: int) -> int:
        """Select so often; `prepare` must have been called for as many."""
        call, highest, timeout = _LIBC.select, self._highest, self._timeouts[wait]
        for place in self._places:
            found = call(highest, place, None, None, timeout)
        return _checked(found)

    def ready(self) -> list[int]:
        """What one select finds."""
        self.prepare(1)
        self.run(Wait.NOW, 1)
        words = struct.unpack(f"{len(self._set) // 8}Q", self._sets.raw)
        return [each for each in self._descriptors if words[each // _WORD] >> each % _WORD & 1]

    def close(self) -> None:
        """Nothing is open."""


class EpollWaiter:
    """epoll_wait(2) for all that is ready, level or edge triggered."""

    def __init__(self, descriptors: Sequence[int], *, edge: bool) -> None:
        self.mechanism = Mechanism.EDGE if edge else Mechanism.LEVEL
        self.mask = _READABLE | (select.EPOLLET if edge else 0)
        self.epoll = select.epoll()
        self._count = len(descriptors)
        self._rearm: Sequence[int] = ()
        try:
            for each in descriptors:
                self.epoll.register(each, self.mask)
        except BaseException:
            self.epoll.close()
            raise
        self._events = ctypes.create_string_buffer(_EVENT_SIZE * self._count)

    def expect(self, active: Sequence[int]) -> None:
        """Name what is active: an edge must be made anew before each call that is to see it."""
        self._rearm = active if self.mechanism is Mechanism.EDGE else ()

    def prepare(self, calls: int) -> None:
        """Put what is active on the ready list again, as an arrival would (ep_modify)."""
        modify, mask = self.epoll.modify, self.mask
        for each in self._rearm:
            modify(each, mask)

    def call(self, wait: Wait) -> Callable[[], int]:
        """What makes one call, and nothing else that would be timed with it."""
        descriptor, timeout = self.epoll.fileno(), _MILLISECONDS[wait]
        return partial(_LIBC.epoll_wait, descriptor, self._events, self._count, timeout)

    def run(self, wait: Wait, calls: int) -> int:
        """Wait so often; an edge shows only in the first of them."""
        call = self.call(wait)
        for _ in repeat(None, calls):
            found = call()
        return _checked(found)

    def ready(self) -> list[int]:
        """What one wait finds; edges are gone afterwards."""
        return [descriptor for descriptor, _ in self.epoll.poll(0, self._count)]

    def close(self) -> None:
        """Close the set, and so remove all that it watches."""
        self.epoll.close()


def read(descriptor: int, buffer: ctypes.Array[ctypes.c_char]) -> int:
    """Read what is there; -1 when there is nothing, without the cost of an exception."""
    return int(_LIBC.read(descriptor, buffer, len(buffer)))


def _checked(found: int) -> int:
    if found < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return found
