"""The processes that can be seen, and what each runs under: unit, limits, network namespace."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tunekit.kernel.counters import PROC

UNLIMITED = -1

_USUAL_SIZE = 4096
_KERNEL_THREAD = 0x00200000
"""PF_KTHREAD (include/linux/sched.h)."""
_OPEN_FILES = re.compile(r"^Max open files +(\S+) +(\S+)", re.MULTILINE)
_TITLES = {
    "as": "Max address space",
    "core": "Max core file size",
    "cpu": "Max cpu time",
    "data": "Max data size",
    "fsize": "Max file size",
    "locks": "Max file locks",
    "memlock": "Max locked memory",
    "msgqueue": "Max msgqueue size",
    "nice": "Max nice priority",
    "nofile": "Max open files",
    "nproc": "Max processes",
    "rss": "Max resident set",
    "rtprio": "Max realtime priority",
    "rttime": "Max realtime timeout",
    "sigpending": "Max pending signals",
    "stack": "Max stack size",
}
_UNIT = re.compile(r"[^/]+\.(?:service|socket)")
_CONTAINER = re.compile(r"(?<![0-9a-f])([0-9a-f]{12})[0-9a-f]{52}(?![0-9a-f])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The control group of a process, as far as it names who started it.

    `unit` is systemd's name of the service; `user` says that the manager of a user runs it, not
    that of the system. `container` is the short id of a container.
    """

    unit: str = ""
    user: bool = False
    container: str = ""


NO_GROUP = Group()


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process. `nofile` is the soft and the hard limit, -1 for unlimited; `network` the inode
    of its network namespace. Both are None when they may not be read.
    """

    pid: int
    name: str
    group: Group = NO_GROUP
    nofile: tuple[int, int] | None = None
    network: int | None = None


def processes(proc: Path = PROC) -> Iterator[Process]:
    """Go through the processes that can be seen, by their ids; no kernel threads, no zombies."""
    with os.scandir(proc) as entries:
        pids = sorted(int(entry.name) for entry in entries if entry.name.isdigit())
    # Thousands of processes are in a few dozen groups.
    groups: dict[str, Group] = {}
    for pid in pids:
        try:
            folder = os.open(f"{proc}/{pid}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            name = parse_name(_read("stat", folder))
            if name is None:
                continue
            path = _read("cgroup", folder)
            group = groups.get(path)
            if group is None:
                group = groups[path] = parse_group(path)
            yield Process(
                pid=pid,
                name=name,
                group=group,
                nofile=parse_open_files(_read("limits", folder)),
                network=_network("ns/net", folder),
            )
        finally:
            os.close(folder)


def are_hidden(proc: Path = PROC) -> bool:
    """Tell whether this mount of /proc hides the processes of others (hidepid in proc(5)).

    Each process id namespace has a process 1, whose state anybody may read otherwise.
    """
    return not _read(f"{proc}/1/stat")


def parse_name(stat: str) -> str | None:
    """Take the name out of /proc/PID/stat; None for a kernel thread, a zombie or no process.

    The name may itself hold blanks, parentheses and line breaks.
    """
    start, end = stat.find("("), stat.rfind(")")
    fields = stat[end + 1 :].split()
    if start < 0 or len(fields) < 7 or fields[0] in "ZX":
        return None
    return None if int(fields[6]) & _KERNEL_THREAD else stat[start + 1 : end]


def parse_open_files(limits: str) -> tuple[int, int] | None:
    """Take the soft and hard limit of open files out of /proc/PID/limits; -1 is unlimited."""
    match = _OPEN_FILES.search(limits)
    return _pair(match) if match else None


def parse_limits(limits: str) -> dict[str, tuple[int, int]]:
    """Take every limit out of /proc/PID/limits, by the names of limits.conf(5); -1 is unlimited."""
    found = {}
    for name, title in _TITLES.items():
        if match := re.search(rf"^{title} {{2,}}(\S+) +(\S+)", limits, re.MULTILINE):
            found[name] = _pair(match)
    return found


def _pair(match: re.Match[str]) -> tuple[int, int]:
    soft, hard = (UNLIMITED if word == "unlimited" else int(word) for word in match.groups())
    return soft, hard


def parse_group(text: str) -> Group:
    """Find unit and container in /proc/PID/cgroup, of version 1 or 2."""
    path = ""
    for line in text.splitlines():
        number, controllers, where = line.split(":", 2)
        if controllers == "name=systemd" or (number == "0" and not path):
            path = where
    # The innermost: user@1000.service holds what the manager of a user runs.
    units = [part for part in path.split("/") if _UNIT.fullmatch(part)]
    containers = _CONTAINER.findall(text)
    return Group(
        # The kernel's own file names in a group are kept apart by an underscore in front
        # (cg_escape in systemd's src/basic/cgroup-util.c).
        unit=units[-1].removeprefix("_") if units else "",
        user=len(units) > 1 and units[0].startswith("user@"),
        container=containers[-1] if containers else "",
    )


def own_network(proc: Path = PROC) -> int | None:
    """The inode of this thread's network namespace; None when it may not be read."""
    return _network(f"{proc}/thread-self/ns/net")


def _network(path: str, folder: int | None = None) -> int | None:
    try:
        link = os.readlink(path, dir_fd=folder)
    except OSError:
        return None
    number = link.removeprefix("net:[").removesuffix("]")
    return int(number) if number.isdigit() else None


def _read(path: str, folder: int | None = None) -> str:
    """The text of a file, below an open folder if one is given; empty when the process has ended or
    is not ours to read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return ""
    try:
        text = os.read(descriptor, _USUAL_SIZE)
        while len(text) % _USUAL_SIZE == 0 and (more := os.read(descriptor, _USUAL_SIZE)):
            text += more
        return text.decode("utf-8", "surrogateescape")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
