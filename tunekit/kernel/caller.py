"""Who runs this process."""

from __future__ import annotations

from pathlib import Path

_UNSET = 2**32 - 1


def login_uid(*, proc: Path = Path("/proc")) -> int | None:
    """The user who logged in, whom su and sudo do not change; None when unset or unknown.

    /proc/PID/loginuid is 2**32-1 where no login set it, and absent without CONFIG_AUDIT.
    """
    try:
        uid = int((proc / "self" / "loginuid").read_text())
    except (OSError, ValueError):
        return None
    return None if uid == _UNSET else uid
