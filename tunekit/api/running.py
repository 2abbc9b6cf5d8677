"""Starting a command under a profile's limits."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import NoReturn

from tunekit.api.session import take_snapshot
from tunekit.engine.limits import obstacle
from tunekit.errors import PlanBlocked, ReadFailed, UsageError
from tunekit.kernel.caller import given_environment
from tunekit.kernel.readings import Value
from tunekit.kernel.rlimits import ProcessLimits
from tunekit.kernel.snapshot import NR_OPEN
from tunekit.profile.evaluate import RLIMIT_PREFIX
from tunekit.profile.limits import wanted_limit
from tunekit.profile.model import Profile
from tunekit.values import Kind, Numbers, parse


def run(
    profile: Profile,
    command: Sequence[str],
    *,
    user: str | None = None,
    netns: str | None = None,
) -> NoReturn:
    """Become a command that has a profile's limits: set them, drop to `user`, exec.

    There is no process in between, so that exit code and signals are the command's own.
    Descriptors of tunekit's are closed on exec; those that the caller handed down stay.

    Raises TunekitError when the limits, the namespace or the user cannot be had, and OSError when
    the command cannot be started.
    """
    if not command:
        raise UsageError("no command to run", hint="tunekit run PROFILE -- COMMAND ARGUMENT...")
    if netns is not None:
        from tunekit.kernel.namespaces import enter

        enter(netns)
    _set_limits(profile)
    if user is not None:
        _become(user)
    _undo_what_python_did()
    os.execvp(command[0], list(command))


def _undo_what_python_did() -> None:
    """Leave the command the signals and the environment that tunekit was started with."""
    # Python ignores these two for itself (PyOS_InitInterrupts), and exec keeps what is ignored.
    for signum in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(signum, signal.SIG_DFL)
    # PEP 538: in the C locale the interpreter sets this for itself and its children.
    if "LC_CTYPE" not in given_environment():
        os.environ.pop("LC_CTYPE", None)


def _set_limits(profile: Profile) -> None:
    snapshot = take_snapshot(profile, for_writing=False)
    own = ProcessLimits()
    nr_open = snapshot.text(NR_OPEN)
    for limit in profile.limits:
        reading = snapshot.limits[limit.name]
        if not isinstance(reading, Value):
            raise ReadFailed("cannot be read", key=limit.name, hint="mount /proc")
        before = parse(reading.text, Kind.NUMBERS)
        after = wanted_limit(reading.text, limit)
        if before == after:
            continue
        assert isinstance(before, Numbers), before
        ceiling = int(nr_open) if nr_open is not None else None
        problem = obstacle(limit.name, before, after, snapshot, ceiling)
        if problem and not limit.optional:
            raise PlanBlocked(
                problem[0],
                key=f"{RLIMIT_PREFIX}{limit.name}",
                hint=problem[1],
                location=limit.location,
            )
        if not problem:
            own.write(limit.name, str(after))


def _become(user: str) -> None:
    import pwd

    try:
        entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    except KeyError:
        raise UsageError(f"no user {user!r} here", hint="see getent passwd") from None
    if os.getuid() == entry.pw_uid:
        return
    try:
        os.initgroups(entry.pw_name, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    except OSError as error:
        raise UsageError(
            f"cannot become {user}: {error.strerror}",
            errno=error.errno,
            hint="run as root, or without --user",
        ) from error
