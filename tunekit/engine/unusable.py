"""What is said of a journal that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path

from tunekit.errors import StateError


def unusable(path: Path, error: Exception) -> StateError:
    """The error for a journal that the system (OSError) or SQLite would not let us use."""
    if isinstance(error, OSError):
        cause = os.strerror(error.errno or 0).lower()
        hint = "run as root, or give a --state-dir that can be written"
    else:
        cause = str(error)
        hint = f"free some space or look at it with `sqlite3 {path}`; to start anew, move it away"
    errno = error.errno if isinstance(error, OSError) else None
    return StateError(f"cannot use the journal: {cause}", path=str(path), errno=errno, hint=hint)
