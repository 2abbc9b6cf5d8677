"""Network namespaces: which one this is, and how to act in another.

A thread sees the sysctls of its own namespace, so acting in another one means entering it. That
cannot be undone by a process that may not come back, and Python cannot do it for one thread only;
hence a child that enters, acts and hands its result back.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tunekit.errors import NamespaceError

T = TypeVar("T")

NAMED = Path("/run/netns")
"""Where `ip netns add` keeps its namespaces."""

_CLONE_NEWNET = 0x40000000
# include/uapi/asm-generic/socket.h; Python has no name for it.
_SO_NETNS_COOKIE = 71


def cookie() -> int:
    """Return the number of this thread's network namespace, never used again until reboot.

    It is SO_NETNS_COOKIE (Linux 5.14, e8b9eab99232), 0 where the kernel has none. The inode of
    /proc/self/ns/net is no substitute: inodes are used again.
    """
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            raw = probe.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8)
        except OSError as error:
            if error.errno != errno.ENOPROTOOPT:
                raise
            return 0
    return int.from_bytes(raw, sys.byteorder)


def enter(spec: str, *, named: Path = NAMED) -> None:
    """Move this thread into a network namespace, for good.

    `spec` is a process id, or a name below /run/netns. Raises NamespaceError when there is none,
    or when it may not be entered.
    """
    path = _locate(spec, named)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _unopened(spec, path, error) from error
    try:
        _setns(descriptor)
    except OSError as error:
        raise _unentered(spec, path, error) from error
    finally:
        os.close(descriptor)


def call_in(spec: str, function: Callable[[], T], *, named: Path = NAMED) -> T:
    """Call a function in a network namespace, in a child process, and return what it returns.

    The result, or the exception, comes back pickled. SIGINT, SIGTERM, SIGHUP and SIGQUIT that
    reach this process meanwhile are passed on to the child, which gets SIGTERM when this process
    dies. Raises NamespaceError as `enter` does, and when the child ends without a result.
    """
    from tunekit.kernel.child import call

    def entered() -> T:
        enter(spec, named=named)
        return function()

    return call(entered)


def _locate(spec: str, named: Path) -> Path:
    if spec.isascii() and spec.isdigit():
        return Path("/proc", spec, "ns", "net")
    if not spec or "/" in spec or "\0" in spec or spec in (".", ".."):
        raise NamespaceError(
            f"{spec!r} is not a network namespace",
            hint="give a name that `ip netns list` shows, or a process id",
        )
    return named / spec


def _setns(descriptor: int) -> None:
    if sys.version_info >= (3, 12):
        os.setns(descriptor, _CLONE_NEWNET)
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _unopened(spec: str, path: Path, error: OSError) -> NamespaceError:
    by_pid = spec.isdigit()
    if error.errno in (errno.ENOENT, errno.ESRCH):
        if by_pid:
            return NamespaceError(
                f"no process {spec}", errno=error.errno, hint="see ps -e, or give a name"
            )
        return NamespaceError(
            f"no network namespace named {spec!r}",
            path=str(path),
            errno=error.errno,
            hint="see `ip netns list`; containers' namespaces have no name there: "
            "give the id of a process in it",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        whose = f"process {spec}" if by_pid else repr(spec)
        return NamespaceError(
            f"not permitted to look at the network namespace of {whose}",
            errno=error.errno,
            hint="run as root",
        )
    return NamespaceError(
        f"cannot be opened: {error.strerror}",
        path=str(path),
        errno=error.errno,
        hint="see `ip netns list`",
    )


def _unentered(spec: str, path: Path, error: OSError) -> NamespaceError:
    if error.errno == errno.EPERM:
        return NamespaceError(
            f"not permitted to enter the network namespace {spec!r}",
            errno=error.errno,
            hint="run as root; entering needs CAP_SYS_ADMIN here and in the namespace's owner",
        )
    if error.errno == errno.EINVAL:
        return NamespaceError(
            "is not a network namespace",
            path=str(path),
            errno=error.errno,
            hint=f"it is left over from one: `ip netns delete {spec}` removes it",
        )
    return NamespaceError(
        f"cannot be entered: {error.strerror}",
        path=str(path),
        errno=error.errno,
        hint="see `ip netns list`",
    )
