"""What memory a process has to itself."""

from __future__ import annotations

import math
import re
from pathlib import Path

from tunekit.errors import ReadFailed
from tunekit.kernel import counters
from tunekit.kernel.counters import PROC


def private(pid: int, *, root: Path = PROC) -> int:
    """The bytes of a process that no other has: its private pages and its page tables.

    Kernel stacks are apart (`kernel_stack`). Raises ReadFailed when it is gone, or is not ours.
    """
    folder = root / str(pid)
    try:
        pages = parse_private((folder / "smaps_rollup").read_text())
        return pages + parse_tables((folder / "status").read_text())
    except OSError as error:
        raise ReadFailed(
            f"cannot be read: {error.strerror}", path=str(folder), errno=error.errno
        ) from error


def parse_private(rollup: str) -> int:
    """Add up `Private_Clean: 4 kB` and `Private_Dirty: 8 kB`, in bytes."""
    return 1024 * sum(
        int(each) for each in re.findall(r"^Private_(?:Clean|Dirty):\s+(\d+) kB", rollup, re.M)
    )


def parse_tables(status: str) -> int:
    """Take `VmPTE: 44 kB` out of a status file, in bytes; 0 for a process that is ending."""
    match = re.search(r"^VmPTE:\s+(\d+) kB", status, re.M)
    return int(match[1]) * 1024 if match else 0


def kernel_stack(*, root: Path = PROC) -> int | None:
    """The bytes of the stack that the kernel keeps for each task (THREAD_SIZE), by dividing those
    of all; None where they are not counted.
    """
    stacks, tasks = counters.memory(root).get("KernelStack"), counters.tasks(root)
    if not stacks or not tasks:
        return None
    # A power of two: tasks come and go between the two counts.
    return 1 << round(math.log2(stacks / tasks))


def children(pid: int, *, root: Path = PROC) -> list[int]:
    """The processes that one has started and that are there; none when the kernel does not list
    them (CONFIG_PROC_CHILDREN).
    """
    try:
        text = (root / str(pid) / "task" / str(pid) / "children").read_text()
    except OSError:
        return []
    return [int(each) for each in text.split()]
