"""How near an outcome has to be to its forecast."""

from __future__ import annotations

import os

FILES_LAG = 2 + 32 * (os.cpu_count() or 1) // 2
"""What each processor has opened is added up in batches of 32 (lib/percpu_counter.c), so that
fs.file-nr may lag by as much; a connection on loopback takes two files.
"""


def near(count: int, predicted: int | None, *, slack: int = 2) -> bool:
    """Tell whether a count is within 2 % of what was predicted, or within `slack` of it."""
    return predicted is not None and abs(count - predicted) <= max(slack, 0.02 * predicted)
