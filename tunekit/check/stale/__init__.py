"""What still runs on old values. Pure: findings from what programs run on and what is wanted.

A finding is one program's, however many sockets it has. What is certain is `fail`; `warn` is what
only looks like it, since a program may have asked for just that; `pass` is in line, or the
program's own choice; `skip` does not matter to a network load; `unknown` could not be seen.
"""

from __future__ import annotations

from tunekit.check.model import Finding
from tunekit.check.stale import backlogs, buffers, congestion, limits, networks, unseen
from tunekit.check.stale.model import Wanted
from tunekit.kernel.running import Running

__all__ = ["Wanted", "judge"]


def judge(running: Running, wanted: Wanted) -> tuple[Finding, ...]:
    """Judge every program and every other network namespace, then name what could not be seen."""
    return (
        *backlogs.judge(running, wanted),
        *limits.judge(running, wanted),
        *congestion.judge(running, wanted),
        *buffers.judge(running, wanted),
        *networks.judge(running, wanted),
        *unseen.judge(running, wanted),
    )
