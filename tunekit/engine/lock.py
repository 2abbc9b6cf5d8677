"""One run at a time on a host.

The lock is a file in /run, whatever the state directory: two runs with different journals would
still write the same kernel. flock(2) locks belong to the open file, so a child that inherits the
descriptor would hold the lock on; the descriptor is close-on-exec, and every process that
tunekit forks closes what it does not need.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tunekit.errors import Locked, StateError

RUN_DIR = Path("/run/tunekit")


@contextmanager
def held(run_dir: Path = RUN_DIR) -> Iterator[None]:
    """Hold the lock.

    Raises Locked when another run has it (naming its pid), StateError when the file cannot be
    made.
    """
    path = run_dir / "lock"
    try:
        # 0700: a user who could open the file could hold the lock and stop root.
        run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        # A folder that was there before may be open to those who could hold the lock.
        os.fchmod(descriptor, 0o600)
        run_dir.chmod(0o700)
    except OSError as error:
        raise StateError(
            f"cannot use the lock: {os.strerror(error.errno or 0).lower()}",
            path=str(path),
            errno=error.errno,
            hint="run as root" if os.geteuid() else "make its folder writable",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            who = f"process {holder}" if holder.isdigit() else "another process"
            raise Locked(
                f"another tunekit run holds the lock ({who})",
                path=str(path),
                hint="wait until it ends and try again",
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
