"""How many descriptors can be watched here, and what says so."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunekit.errors import ReadFailed
from tunekit.kernel import cgroups, counters, process
from tunekit.probe.load import Family
from tunekit.probe.readiness.ends import SPARE


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """The most descriptors that something allows, and what that is."""

    most: int
    why: str


def ceiling(family: Family, memory_share: float, *, open_now: int | None = None) -> Ceiling:
    """Find what allows the fewest, with the soft nofile raised to the hard one.

    fs.file-max counts both ends; root passes it.
    """
    if open_now is None:
        open_now = sum(1 for _ in Path("/proc/self/fd").iterdir())
    _, hard = process.descriptor_limits()
    found = [
        Ceiling(
            most=hard - open_now - SPARE,
            why=f"nofile allows {hard} descriptors, and {open_now + SPARE} are for other things",
        )
    ]
    budget = memory_budget(memory_share)
    if budget is not None:
        each = family.bytes_per_connection
        found.append(
            Ceiling(
                most=budget // each,
                why=f"{memory_share:.0%} of the available memory is {budget // 2**20} MiB, and a "
                f"connection takes about {each} bytes",
            )
        )
    with contextlib.suppress(ReadFailed):
        files = counters.file_handles()
        if os.geteuid() != 0:
            left = max(0, files.maximum - files.allocated)
            found.append(Ceiling(most=left // 2, why=f"fs.file-max leaves {left} files"))
    return min(found, key=lambda each: each.most)


def memory_budget(share: float) -> int | None:
    """The bytes that may be taken of what is available to this process; None if nobody says."""
    amounts = []
    with contextlib.suppress(ReadFailed):
        amounts.append(counters.memory().get("MemAvailable"))
    group = cgroups.tightest("memory")
    amounts.append(group.left if group else None)
    known = [each for each in amounts if each is not None]
    return int(min(known) * share) if known else None


def cut(sizes: Sequence[int], top: Ceiling) -> tuple[tuple[int, ...], str]:
    """The sizes that fit and the ceiling itself in place of those that do not, with a remark."""
    beyond = [size for size in sizes if size > top.most]
    if not beyond:
        return tuple(sizes), ""
    fitting = {size for size in sizes if size <= top.most} | ({top.most} if top.most > 0 else set())
    left_out = ", ".join(map(str, beyond))
    return tuple(sorted(fitting)), f"{top.most} descriptors in place of {left_out}: {top.why}"


@contextlib.contextmanager
def settled() -> Iterator[int]:
    """Raise the soft nofile to the hard one and stay on one processor; yields its number.

    Both ends on one processor neither wait for each other nor share their caches' lines. Both
    are put back at the end.
    """
    soft, hard = process.descriptor_limits()
    allowed = os.sched_getaffinity(0)
    cpu = max(allowed)
    try:
        process.set_descriptor_limits(hard, hard)
        # It makes the figures steadier, and is refused in some containers.
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {cpu})
        yield cpu
    finally:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, allowed)
        process.set_descriptor_limits(soft, hard)
