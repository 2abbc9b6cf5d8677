"""Root file systems to read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tunekit.files.boot import Boot, read_boot
from tunekit.files.model import Reader
from tunekit.files.root import Root


def make(root: Path, files: Mapping[str, str]) -> Path:
    """Write files below a root; a text `-> TARGET` makes a link."""
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            path.symlink_to(text[3:])
        else:
            path.write_bytes(text.encode(errors="surrogateescape"))
    return root


def boot_of(root: Path, files: Mapping[str, str], reader: Reader | None = None) -> Boot:
    """What a root with these files sets at boot."""
    with Root(make(root, files)) as opened:
        return read_boot(opened, reader)
