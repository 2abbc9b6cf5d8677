"""`--report FORMAT=FILE`: the result of one run in more forms than one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tunekit.errors import UsageError
from tunekit.records import dataclass
from tunekit.report.formats import Format


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """A file that the result is to be written to, and how."""

    format: Format
    path: Path


def report_file(text: str) -> ReportFile:
    """Read the text of one `--report`. Raises UsageError."""
    name, separator, path = text.partition("=")
    known = {format.value: format for format in Format}
    if not separator or not path or name not in known:
        raise UsageError(
            f"{text!r} is not a format and a file",
            key="--report",
            hint=f"write FORMAT=FILE, with one of {', '.join(known)}",
        )
    return ReportFile(format=known[name], path=Path(path))


def replace_file(path: Path, content: str | bytes) -> None:
    """Write a file whole: a reader sees what was there before, or all of this.

    What is there and no regular file, such as a pipe, is written to as it is. Raises OSError.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    target = Path(os.path.realpath(path))
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        with target.open("wb") as stream:
            stream.write(data)
        return
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    # The permissions of a file that a program makes, by its umask: other tools will read it.
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
