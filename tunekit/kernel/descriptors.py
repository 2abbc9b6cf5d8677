"""Whose a socket is: the open descriptors of processes, and a look at a socket through them."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tunekit.kernel.counters import PROC

_SYS_PIDFD_GETFD = 438
"""The same number on every architecture but alpha (Linux 5.6)."""
_SO_BUF_LOCK = 72
"""include/uapi/asm-generic/socket.h (Linux 5.14, 04190bf8944d); Python has no name for it."""
_SEND_LOCK, _RECEIVE_LOCK = 1, 2
_MANAGER = 1


class Holder(NamedTuple):
    """A process that has a socket open, and under which number."""

    pid: int
    descriptor: int


class Lock(NamedTuple):
    """Which buffers of a socket its program has set, and the kernel sizes no more."""

    receive: bool
    send: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Who holds which socket, by inode. `denied` are the processes whose descriptors may not be
    seen; `activated` the sockets that process 1 holds too, for a service that it starts.
    """

    holders: Mapping[int, Holder]
    activated: frozenset[int]
    denied: frozenset[int]


def held_sockets(pids: Iterable[int], *, proc: Path = PROC) -> Held:
    """Find who holds which socket. Of several processes the first one given counts, but process 1
    only where there is no other: it opens sockets for the services that it starts.
    """
    holders: dict[int, Holder] = {}
    activated, denied = set(), set()
    for pid in pids:
        try:
            folder = os.open(f"{proc}/{pid}/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except PermissionError:
            denied.add(pid)
            continue
        except OSError:
            # It has ended.
            continue
        try:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries]
            for name in names:
                try:
                    # By its name in the open folder: the path need not be walked for each.
                    link = os.readlink(name, dir_fd=folder)
                except FileNotFoundError:
                    continue
                if not link.startswith("socket:["):
                    continue
                inode = int(link[8:-1])
                before = holders.get(inode)
                if before is None:
                    holders[inode] = Holder(pid, int(name))
                elif before.pid == _MANAGER != pid:
                    holders[inode] = Holder(pid, int(name))
                    activated.add(inode)
        except PermissionError:
            denied.add(pid)
        except OSError:
            continue
        finally:
            os.close(folder)
    return Held(holders=holders, activated=frozenset(activated), denied=frozenset(denied))


def buffer_locks(sockets: Iterable[tuple[int, Holder]]) -> Iterator[Lock | None]:
    """Look at sockets, each an inode and who holds it, for the locks of SO_BUF_LOCK, in order.

    None where that is not permitted, the kernel has neither pidfd_getfd(2) nor SO_BUF_LOCK, or
    the socket is gone. Fastest with the sockets of one process together.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    pid, process = 0, -1
    try:
        for inode, holder in sockets:
            if holder.pid != pid:
                _close(process)
                pid, process = holder.pid, _open_process(holder.pid)
            copy = libc.syscall(_SYS_PIDFD_GETFD, process, holder.descriptor, 0)
            yield None if copy < 0 else _lock(copy, inode)
    finally:
        _close(process)


def _lock(copy: int, inode: int) -> Lock | None:
    import socket

    # Closed at once, since its program must be able to close the socket. Family and type do not
    # matter to what is asked, and looking them up takes time.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, copy) as found:
        if os.fstat(copy).st_ino != inode:
            return None
        try:
            bits = found.getsockopt(socket.SOL_SOCKET, _SO_BUF_LOCK)
        except OSError:
            return None
    return Lock(bool(bits & _RECEIVE_LOCK), bool(bits & _SEND_LOCK))


def _open_process(pid: int) -> int:
    """A descriptor of a process; -1 when there is none to be had."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return -1


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)
