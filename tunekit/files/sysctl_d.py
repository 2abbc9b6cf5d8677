"""Which files of sysctl.d are read, in which order, and what each line says.

systemd-sysctl (src/sysctl/sysctl.c, src/basic/conf-files.c) and procps (src/sysctl.c) agree on the
folders and on the order, and differ in the rest:

| | systemd-sysctl | sysctl --system |
| --- | --- | --- |
| /etc/sysctl.conf | not read | read last |
| `.hidden.conf` | passed over | read |
| a line ends with | newline, carriage return or NUL | newline; what follows a NUL is lost |
| `- key = v` | blanks after the dash are passed over | the blank is part of the key |
| `a//b`, `/a/b`, `a/./b` | simplified, so that it is the same key | another spelling of the key |
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tunekit.files.model import Assignment, Origin, Reader, Writer
from tunekit.files.root import Root
from tunekit.records import dataclass

FOLDERS = (
    "/etc/sysctl.d",
    "/run/sysctl.d",
    "/usr/local/lib/sysctl.d",
    "/usr/lib/sysctl.d",
    "/lib/sysctl.d",
)
"""Where a name is looked for, the first folder that has it winning. `/lib` is `/usr/lib` nearly
everywhere; where it is not, a systemd built without split-usr does not read it.
"""
SYSCTL_CONF = "/etc/sysctl.conf"

_BLANKS = " \t\n\r"
_C_BLANKS = " \t\n\v\f\r"
_SEPARATOR = re.compile(r"[./]")
_SWAP = str.maketrans("./", "/.")
# read_line_full in src/basic/fileio.c: each of the three ends a line, and those that differ from
# each other and stand together end it once.
_LINE_END = re.compile("\n\r?\0?|\n\0\r?|\r\n?\0?|\r\0\n?|\0\n?\r?|\0\r\n?")


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """A line that its reader complains about and passes over."""

    origin: Origin
    text: str


def list_files(root: Root, reader: Reader) -> tuple[str, ...]:
    """The files that are read, in their order; one that masks another of its name included."""
    seen: dict[str, str] = {}
    for folder in FOLDERS:
        for name in root.names(folder):
            hidden = name.startswith(".") and reader is Reader.SYSTEMD
            if name.endswith(".conf") and not hidden:
                seen.setdefault(name, f"{folder}/{name}")
    # By bytes, as strcmp(3) compares.
    ordered = sorted(seen.items(), key=lambda item: item[0].encode(errors="surrogateescape"))
    files = [path for _, path in ordered]
    if reader is Reader.PROCPS and root.exists(SYSCTL_CONF):
        files.append(SYSCTL_CONF)
    return tuple(files)


def shadowed_files(root: Root) -> dict[str, str]:
    """The files that are not read since an earlier folder has their name, and which is instead.

    Files of one folder under two names (/lib and /usr/lib) do not shadow each other.
    """
    first: dict[str, str] = {}
    hidden: dict[str, str] = {}
    for folder in FOLDERS:
        for name in root.names(folder):
            if not name.endswith(".conf"):
                continue
            path = f"{folder}/{name}"
            winner = first.setdefault(name, path)
            if winner != path and root.identity(winner) != root.identity(path):
                hidden[path] = winner
    return hidden


def parse(text: str, file: str, reader: Reader) -> Iterator[Assignment | BadLine]:
    """Read the text of a file as a reader does. Pure."""
    writer = Writer.SYSCTL_CONF if file == SYSCTL_CONF else Writer.SYSCTL_D
    lines = _systemd_lines(text) if reader is Reader.SYSTEMD else _procps_lines(text)
    for number, line in lines:
        origin = Origin(file=file, line=number)
        read = _systemd_line(line) if reader is Reader.SYSTEMD else _procps_line(line)
        if read is None:
            continue
        key, value, optional = read
        if value is None and not optional:
            yield BadLine(origin=origin, text=line)
            continue
        path = _systemd_path(key) if reader is Reader.SYSTEMD else _swapped(key)
        yield Assignment(path=path, value=value, origin=origin, writer=writer, optional=optional)


def _systemd_lines(text: str) -> Iterator[tuple[int, str]]:
    start, number = 0, 1
    for match in _LINE_END.finditer(text):
        yield number, text[start : match.start()]
        # Numbered by newlines, as an editor does.
        number += match[0].count("\n")
        start = match.end()
    if start < len(text):
        yield number, text[start:]


def _procps_lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        # getline(3) and then C strings: the text ends with the first NUL.
        yield number, line.split("\0", 1)[0]


def _systemd_line(line: str) -> tuple[str, str | None, bool] | None:
    line = line.strip(_BLANKS)
    if not line or line[0] in "#;":
        return None
    key, equals, value = line.partition("=")
    optional = line[0] == "-"
    key = (key[1:] if optional else key).strip(_BLANKS)
    return key, value.strip(_BLANKS) if equals else None, optional


def _procps_line(line: str) -> tuple[str, str | None, bool] | None:
    line = line.lstrip(_C_BLANKS)
    if not line or line[0] in "#;":
        return None
    key, equals, value = line.partition("=")
    optional = line[0] == "-"
    key = (key[1:] if optional else key).rstrip(_C_BLANKS)
    return key, value.strip(_C_BLANKS) if equals else None, optional


def _swapped(key: str) -> str:
    """Swap dots and slashes unless the first of them is a slash."""
    first = _SEPARATOR.search(key)
    return key.translate(_SWAP) if first and first[0] == "." else key


def _systemd_path(key: str) -> str:
    # path_simplify: `//` is `/`, and a component `.` is nothing.
    return "/".join(part for part in _swapped(key).split("/") if part not in ("", "."))
