"""Whether root may believe a file: nobody else can have written it, nor exchange it.

The question is asked of the opened descriptor, so that the file judged is the file read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping
from pathlib import Path

from tunekit.errors import UsageError

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def trusted_owners(environ: Mapping[str, str]) -> frozenset[int]:
    """Root, and the user who called through sudo (sudo(8) sets SUDO_UID)."""
    caller = environ.get("SUDO_UID", "")
    if caller.isascii() and caller.isdigit():
        return frozenset({0, int(caller)})
    return frozenset({0})


def check(descriptor: int, path: str, owners: Collection[int]) -> None:
    """Refuse an open file that somebody outside `owners` can change or replace.

    The file and every folder above it must belong to `owners` and not be writable by group or
    others; a folder with the sticky bit may be, since nobody can replace there what is not
    theirs. The folders are walked upwards from where the file lies now, by descriptor. Raises
    UsageError, which names the file or folder at fault and the command that mends it.
    """
    status = os.fstat(descriptor)
    _check_one(status, path, path, owners)
    real = Path(f"/proc/self/fd/{descriptor}").readlink()
    try:
        folder = os.open(real.parent, _FOLDER)
    except OSError as error:
        raise _moved(path) from error
    try:
        _check_entry(folder, real.name, status, path)
        shown = real.parent
        while True:
            here = os.fstat(folder)
            _check_one(here, path, str(shown), owners)
            above = os.open("..", _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = above
            over = os.fstat(folder)
            if (over.st_dev, over.st_ino) == (here.st_dev, here.st_ino):
                return
            shown = shown.parent
    finally:
        os.close(folder)


def _check_entry(folder: int, name: str, status: os.stat_result, path: str) -> None:
    """Make sure that the folder about to be judged is the one that holds the open file."""
    try:
        entry = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        raise _moved(path) from error
    if (entry.st_dev, entry.st_ino) != (status.st_dev, status.st_ino):
        raise _moved(path)


def _moved(path: str) -> UsageError:
    return UsageError("moved or replaced while it was opened", path=path, hint="try again")


def _check_one(status: os.stat_result, path: str, judged: str, owners: Collection[int]) -> None:
    what = "" if judged == path else f"its folder {judged} is "
    if status.st_uid not in owners:
        raise UsageError(
            f"{what}owned by uid {status.st_uid}, who could change what root does",
            path=path,
            hint=f"chown root {judged}",
        )
    writable = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if writable and not (stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX):
        who = "everybody" if writable & stat.S_IWOTH else f"group {status.st_gid}"
        raise UsageError(
            f"{what}writable by {who}, who could change what root does",
            path=path,
            hint=f"chmod go-w {judged}",
        )
