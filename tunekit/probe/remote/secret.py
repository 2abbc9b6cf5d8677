"""The token file: a secret that server and clients share."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tunekit.errors import UsageError

LEAST = 16
"""Bytes of the shortest secret: whoever imitates a server can try guesses at home."""
MOST = 4096

_MAKE_ONE = "make one with: (umask 077; head -c 32 /dev/urandom | base64 > FILE)"


def read(path: Path) -> bytes:
    """Read a secret, without the newlines and blanks around it. Raises UsageError when the file
    cannot be used, or when anybody but its owner may read or change it.
    """
    try:
        # Without O_NONBLOCK a pipe would keep us waiting.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UsageError(
            f"cannot read the token: {error.strerror}",
            path=str(path),
            errno=error.errno,
            hint=_MAKE_ONE,
        ) from error
    try:
        # Of what is open, not of what lies at the path by now.
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise UsageError("a token is kept in a file", path=str(path), hint=_MAKE_ONE)
        if about.st_mode & 0o077:
            raise UsageError(
                f"others may use this token: its mode is {stat.S_IMODE(about.st_mode):04o}",
                path=str(path),
                hint=f"chmod 600 {path}",
            )
        if about.st_uid not in (0, os.geteuid()):
            raise UsageError(f"this token is user {about.st_uid}'s", path=str(path), hint=_MAKE_ONE)
        secret = os.read(descriptor, MOST + 1).strip()
    finally:
        os.close(descriptor)
    if not LEAST <= len(secret) <= MOST:
        raise UsageError(
            f"a token has {LEAST} to {MOST} bytes, this one {len(secret)}",
            path=str(path),
            hint=_MAKE_ONE,
        )
    return secret
