"""The kernel's own counts: sockets, TCP events, memory, open files, slabs.

Reading and parsing are two functions for each file, and the root is a parameter. A field that the
kernel does not print is absent from the result: absent is not zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tunekit.errors import ReadFailed

PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHandles:
    """Open files of the whole host (fs.file-nr). `allocated` is approximate: the kernel sums
    per-CPU counts lazily (fs/file_table.c, get_nr_files).
    """

    allocated: int
    maximum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slab:
    """One slab cache: objects in use, objects that its pages hold, bytes of one object."""

    active: int
    total: int
    size: int


def sockstat(root: Path = PROC) -> Mapping[str, int]:
    """Read net/sockstat of this thread's network namespace; `TCP.mem` is in pages."""
    return parse_sockstat(_read(root / "thread-self/net/sockstat"))


def sockstat6(root: Path = PROC) -> Mapping[str, int]:
    """Read net/sockstat6, such as `TCP6.inuse`; the TCP of sockstat is that of IPv4 alone."""
    return parse_sockstat(_read(root / "thread-self/net/sockstat6"))


def parse_sockstat(text: str) -> dict[str, int]:
    """Parse `TCP: inuse 3 orphan 0` into `{"TCP.inuse": 3, "TCP.orphan": 0}`."""
    counts = {}
    for line in text.splitlines():
        group, _, rest = line.partition(":")
        words = rest.split()
        for name, value in zip(words[::2], words[1::2], strict=False):
            counts[f"{group}.{name}"] = int(value)
    return counts


def tcp_events(root: Path = PROC) -> Mapping[str, int]:
    """Read net/netstat and net/snmp of this thread's namespace, such as
    `TcpExt.ListenOverflows` and `Tcp.RetransSegs`.
    """
    net = root / "thread-self/net"
    return parse_events(_read(net / "netstat")) | parse_events(_read(net / "snmp"))


def parse_events(text: str) -> dict[str, int]:
    """Parse pairs of lines, names above values, that share a prefix such as `TcpExt:`."""
    counts = {}
    lines = text.splitlines()
    for names, values in zip(lines[::2], lines[1::2], strict=False):
        group, _, columns = names.partition(":")
        same, _, numbers = values.partition(":")
        if group != same:
            raise ReadFailed(f"a line of {group!r} names is followed by values of {same!r}")
        for name, value in zip(columns.split(), numbers.split(), strict=False):
            counts[f"{group}.{name}"] = int(value)
    return counts


def memory(root: Path = PROC) -> Mapping[str, int]:
    """Read meminfo in bytes, such as `MemAvailable` and `Slab`; counts of pages as they are."""
    return parse_memory(_read(root / "meminfo"))


def parse_memory(text: str) -> dict[str, int]:
    """Parse `MemFree:  12 kB` into `{"MemFree": 12288}`."""
    amounts = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        match rest.split():
            case [number, "kB"]:
                amounts[name] = int(number) * 1024
            case [number]:
                amounts[name] = int(number)
    return amounts


def file_handles(root: Path = PROC) -> FileHandles:
    """Read sys/fs/file-nr."""
    return parse_file_handles(_read(root / "sys/fs/file-nr"))


def parse_file_handles(text: str) -> FileHandles:
    """Parse the three numbers; the second has been 0 since Linux 2.6."""
    match text.split():
        case [allocated, _, maximum]:
            return FileHandles(allocated=int(allocated), maximum=int(maximum))
    raise ReadFailed(f"{text.strip()!r} is not three numbers", path="fs/file-nr")


def slabs(root: Path = PROC) -> Mapping[str, Slab]:
    """Read slabinfo, which only root may. Caches of equal size may be merged under one name."""
    return parse_slabs(_read(root / "slabinfo"))


def parse_slabs(text: str) -> dict[str, Slab]:
    """Parse `name active total size ...` lines below the two lines of the heading."""
    caches = {}
    for line in text.splitlines():
        if line.startswith(("#", "slabinfo")):
            continue
        match line.split():
            case [name, active, total, size, *_]:
                caches[name] = Slab(active=int(active), total=int(total), size=int(size))
    return caches


def tasks(root: Path = PROC) -> int | None:
    """Read how many processes and threads the host runs, from loadavg."""
    return parse_tasks(_read(root / "loadavg"))


def parse_tasks(text: str) -> int | None:
    """Parse the second number of the field `runnable/all`; None when there is no such field."""
    for word in text.split():
        _, slash, all_of_them = word.partition("/")
        if slash:
            return int(all_of_them)
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise ReadFailed(
            f"cannot be read: {error.strerror}", path=str(path), errno=error.errno
        ) from error
