"""Making a file that was not there before."""

from __future__ import annotations

import os
from pathlib import Path

from tunekit.errors import TunekitError


def create(path: Path, text: str) -> None:
    """Write a new file, whole or not at all.

    Raises TunekitError when there is something of that name already, or it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError as error:
        raise TunekitError(
            "there is such a file already",
            path=str(path),
            errno=error.errno,
            hint="name another, or remove it first",
        ) from error
    except OSError as error:
        raise _unwritten(path, error) from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError) -> TunekitError:
    return TunekitError(
        f"cannot be written: {os.strerror(error.errno or 0).lower()}",
        path=str(path),
        errno=error.errno,
        hint="name a file in a folder that you may write to",
    )
