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


def given_environment(*, proc: Path = Path("/proc")) -> frozenset[str]:
    """The names in the environment that this process was started with, whatever it set since."""
    try:
        block = (proc / "self" / "environ").read_bytes()
    except OSError:
        return frozenset()
    return frozenset(
        entry.partition(b"=")[0].decode(errors="replace") for entry in block.split(b"\0")
    )
