"""What a worker process does to itself right after fork: who it is, what it holds, when it dies."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from dataclasses import dataclass
from pathlib import Path

from tunekit.errors import UsageError

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user to become, with the primary group and no other."""

    name: str
    uid: int
    gid: int


def find_user(name: str) -> User:
    """Look a user up by name. Raises UsageError when there is none."""
    import pwd

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(f"no user named {name!r}", hint="see getent passwd") from None
    return User(name=name, uid=entry.pw_uid, gid=entry.pw_gid)


def become(user: User) -> None:
    """Give up root for good: groups first, since the user may not change them any more.

    Clears the parent-death signal (commit_creds, kernel/cred.c). Raises PermissionError.
    """
    os.setgroups([])
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, user.uid)


def volunteer() -> None:
    """Be the first to be killed when memory runs out, rather than a program of the host's.

    Anybody may raise their own oom_score_adj. Nothing happens where /proc does not let us.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def give_way() -> None:
    """Wait for one's turn when there is work to do, rather than interrupt whoever makes it.

    Anybody may become SCHED_BATCH (sched(7)). Nothing happens where it is not allowed.
    """
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def load_libc() -> None:
    """Load what `die_with` needs, once for all children that are forked later, and give back what
    is free already: each of them would hold a copy.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    # Not every libc has it.
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def die_with(parent: int, signum: int = signal.SIGKILL) -> None:
    """Have a signal sent to this process when the thread that forked it ends.

    It is sent at once when `parent` is gone already. Call it after `become`.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if os.getppid() != parent:
        os.kill(os.getpid(), signum)


def keep_only(descriptor: int) -> int:
    """Close every descriptor but one, which becomes number 3; 0, 1 and 2 become /dev/null."""
    null = os.open("/dev/null", os.O_RDWR)
    # Neither may lie where the other is to go.
    moved = os.dup(descriptor)
    while moved <= 3:
        moved = os.dup(moved)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.dup2(moved, 3)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.closerange(4, 1 << 30 if hard == resource.RLIM_INFINITY else max(hard, 1 << 20))
    return 3


def descriptor_limits() -> tuple[int, int]:
    """The soft and the hard RLIMIT_NOFILE of this process; unlimited is 2**63 - 1."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _finite(soft), _finite(hard)


def set_descriptor_limits(soft: int, hard: int) -> None:
    """Set them. Raises ValueError for a hard limit that may not be raised so far."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _finite(limit: int) -> int:
    return (1 << 63) - 1 if limit == resource.RLIM_INFINITY else limit
