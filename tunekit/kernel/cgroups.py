"""The limits of the control groups above this process, version 1 and 2 (cgroups(7))."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tunekit.kernel.counters import PROC

# Version 1 has no word for unlimited: PAGE_COUNTER_MAX pages, which is just below 2**63 bytes.
_UNLIMITED = 1 << 62

_FILES = {
    "memory": (("memory.max", "memory.current"),
               ("memory.limit_in_bytes", "memory.usage_in_bytes")),
    "pids": (("pids.max", "pids.current"), ("pids.max", "pids.current")),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupLimit:
    """A limit of a control group, with its use; bytes of memory, or tasks. `path` is the file."""

    path: str
    limit: int
    used: int

    @property
    def left(self) -> int:
        """What can be taken yet."""
        return max(0, self.limit - self.used)


def tightest(controller: str, *, root: Path = PROC) -> CgroupLimit | None:
    """Find the group above this process that leaves the least of `memory` or `pids`.

    None when no group limits it, or when nothing can be read.
    """
    found = []
    for folder, (limit_name, used_name) in _folders(controller, root):
        limit, used = _number(folder / limit_name), _number(folder / used_name)
        if limit is not None and limit < _UNLIMITED and used is not None:
            found.append(CgroupLimit(path=str(folder / limit_name), limit=limit, used=used))
    return min(found, key=lambda one: one.left, default=None)


def are_shown(*, root: Path = PROC) -> bool:
    """Tell whether the control groups above this process can be seen at all."""
    return any(folder.is_dir() for name in _FILES for folder, _ in _folders(name, root))


def own_folder(controller: str, *, root: Path = PROC) -> Path | None:
    """The folder of the innermost group of this process that a controller can limit."""
    for folder, (limit_name, _) in _folders(controller, root):
        if (folder / limit_name).exists():
            return folder
    return None


def oom_kills(*, root: Path = PROC) -> int | None:
    """How many processes were killed for want of memory in this process's group.

    None where the group does not tell, as before Linux 4.13.
    """
    for folder, (limit_name, _) in _folders("memory", root):
        if (folder / limit_name).exists():
            events = "memory.events" if limit_name == "memory.max" else "memory.oom_control"
            return _counted(folder / events, "oom_kill")
    return None


def _counted(path: Path, name: str) -> int | None:
    try:
        words = path.read_text().split()
    except OSError:
        return None
    return int(words[words.index(name) + 1]) if name in words else None


def parse_memberships(text: str) -> dict[str, str]:
    """Parse /proc/PID/cgroup into controller to path; version 2 is the controller `""`."""
    paths = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def parse_mounts(text: str) -> dict[str, tuple[str, str]]:
    """Parse /proc/PID/mountinfo into controller to (root within the hierarchy, mount point)."""
    mounts = {}
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        _, _, _, root, point, *_ = left.split()
        kind, _, options = right.split()[:3]
        if kind == "cgroup2":
            mounts[""] = root, point
        elif kind == "cgroup":
            for option in options.split(","):
                mounts[option] = root, point
    return mounts


def _folders(controller: str, root: Path) -> Iterator[tuple[Path, tuple[str, str]]]:
    """The folders of the groups above this process, innermost first, with the files to read."""
    try:
        paths = parse_memberships((root / "thread-self/cgroup").read_text())
        mounts = parse_mounts((root / "thread-self/mountinfo").read_text())
    except OSError:
        return
    for name, files in zip(("", controller), _FILES[controller], strict=True):
        if name not in paths or name not in mounts:
            continue
        hierarchy, point = mounts[name]
        path = PurePosixPath(paths[name])
        below = path.relative_to(hierarchy) if path.is_relative_to(hierarchy) else path
        folder = Path(point, *below.parts[1 if below.is_absolute() else 0 :])
        while folder != Path(point):
            yield folder, files
            folder = folder.parent
        yield folder, files


def _number(path: Path) -> int | None:
    """The number in a file; None when there is none, such as `max`."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
