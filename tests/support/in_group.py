"""Run a load in a memory control group: `python -m tests.support.in_group GROUP CONNECTIONS`.

A process of its own, since what a process of a load is charged for grows with the process that it
is forked from. Prints what was forecast and what came of it as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tunekit.check.capacity import Demand, forecast
from tunekit.kernel import capacity_facts
from tunekit.probe.connections import prove
from tunekit.probe.load import Load, Phase, Progress


def main(group: Path, connections: int) -> None:
    """Forecast, load and print."""

    def join(folder: Path) -> None:
        (folder / "cgroup.procs").write_text(str(os.getpid()))

    def step_aside(progress: Progress) -> None:
        # While what a killed process had is being freed, the kernel looks for another one.
        if progress.phase is Phase.CONNECT:
            join(group.parent)
        elif progress.phase is Phase.CLOSE:
            join(group)

    join(group)
    demand = Demand(connections=connections, processes=1)
    first = forecast(demand, capacity_facts.gather()).obstacle
    # Paced, so that few wait for a server that is not charged for them yet.
    load = Load(connections=connections, processes=1, rate=7000, patience=1, force=True)
    proof = prove(load, observe=step_aside)
    found = {
        "predicted": first and (first.limit, first.allows),
        "met": proof.obstacle and (proof.obstacle.limit, proof.accepted),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
