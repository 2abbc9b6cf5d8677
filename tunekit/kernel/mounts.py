"""How /proc/sys is mounted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from tunekit.values import SysctlKey

SYS = Path("/proc/sys")


def read_only(keys: Iterable[SysctlKey], root: Path = SYS) -> frozenset[SysctlKey] | None:
    """Find the keys that lie on a read-only mount (statvfs(3), ST_RDONLY).

    Parts of /proc/sys can be mounted otherwise than the rest, as container runtimes do. None when
    /proc/sys may not be looked at; a key that is not there is on no mount.
    """
    if _is_read_only(root) is None:
        return None
    return frozenset(key for key in keys if _is_read_only(root / key.path))


def _is_read_only(path: Path) -> bool | None:
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return None
