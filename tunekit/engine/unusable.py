"""What is said of a journal that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path

from tunekit.errors import StateError


def unusable(path: Path, error: Exception) -> StateError:
    """The error for a journal that the system (OSError) or SQLite would not let us use."""
    if isinstance(error, OSError):
        return _refused_by_system(path, error)
    name = getattr(error, "sqlite_errorname", "")
    return StateError(
        f"cannot use the journal: {error}", path=str(path), hint=_HINTS.get(name, _look)(path)
    )


def damaged(path: Path, problem: str) -> StateError:
    """The error for a journal in which SQLite's own check finds a problem."""
    *_, last = problem.splitlines() or [""]
    return StateError(f"the journal is damaged: {last}", path=str(path), hint=_damaged(path))


def _refused_by_system(path: Path, error: OSError) -> StateError:
    hint = "give a --state-dir that can be written"
    if isinstance(error, PermissionError) and os.geteuid() != 0:
        hint = "run as root"
    elif isinstance(error, FileExistsError | NotADirectoryError):
        hint = f"{path.parent} must be a folder: give another --state-dir"
    return StateError(
        f"cannot use the journal: {os.strerror(error.errno or 0).lower()}",
        path=str(path),
        errno=error.errno,
        hint=hint,
    )


def _free(path: Path) -> str:
    return f"free some space on the file system of {path.parent}"


def _damaged(path: Path) -> str:
    return (
        f"see what `sqlite3 {path} .recover` still shows; moved away, it starts anew, and what was "
        "applied before cannot be rolled back"
    )


def _closed(path: Path) -> str:
    return f"make {path} writable, or give another --state-dir"


def _look(path: Path) -> str:
    return f"look at it with `sqlite3 {path}`"


_HINTS = {
    "SQLITE_FULL": _free,
    "SQLITE_IOERR_WRITE": _free,
    "SQLITE_CORRUPT": _damaged,
    "SQLITE_NOTADB": _damaged,
    "SQLITE_READONLY": _closed,
    "SQLITE_CANTOPEN": _closed,
    "SQLITE_PERM": _closed,
}
