"""What is read from outside while a load runs: the ledgers, the memory, the clock."""

from __future__ import annotations

import time
from collections.abc import Callable

from tunekit.kernel import counters
from tunekit.probe.ledger import Cell
from tunekit.probe.load import Load, Phase, Progress
from tunekit.probe.supervisor import Pair, Supervisor


class Watch:
    """Turns ledgers into Progress, and keeps the course of each phase.

    `course` has, for each phase, pairs of seconds and connections that are through.
    """

    def __init__(
        self,
        load: Load,
        observe: Callable[[Progress], None] | None,
        *,
        memory_before: int | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.course: dict[Phase, list[tuple[float, int]]] = {}
        self._load = load
        self._observe = observe
        self._memory_before = memory_before
        self._now = now
        self._started = now()
        self._supervisor: Supervisor | None = None

    def attach(self, supervisor: Supervisor) -> None:
        """Begin to look at these shards."""
        self._supervisor = supervisor

    def tick(self, phase: Phase) -> None:
        """Look once."""
        if self._supervisor is None:
            return
        now = self._now()
        pairs = self._supervisor.pairs
        opened = _total(pairs, Cell.OPENED)
        done = opened if phase in (Phase.START, Phase.CONNECT) else _total(pairs, Cell.PROVED)
        course = self.course.setdefault(phase, [])
        # While holding nothing more is proved; what goes on is the talk.
        course.append((now, _total(pairs, Cell.TALKED) if phase is Phase.HOLD else done))
        if self._observe is None:
            return
        since, from_ = course[0]
        rate = (course[-1][1] - from_) / (now - since) if now > since else 0.0
        available = counters.memory().get("MemAvailable", 0)
        self._observe(
            Progress(
                phase=phase,
                asked=self._load.connections,
                opened=opened,
                done=done,
                rate=rate,
                elapsed=now - self._started,
                remaining=self._remaining(phase, now - since, done, rate),
                memory_available=available,
                memory_taken=max(0, (self._memory_before or available) - available),
                processes=tuple(one.pid for one in self._supervisor.shards() if one.alive),
            )
        )

    def _remaining(self, phase: Phase, since: float, done: int, rate: float) -> float | None:
        if phase is Phase.HOLD:
            return max(0.0, self._load.hold - since)
        if phase in (Phase.CONNECT, Phase.PROVE, Phase.PROVE_AGAIN) and rate > 0:
            return (self._load.connections - done) / rate
        return None


def _total(pairs: list[Pair], cell: Cell) -> int:
    return sum(int(pair.ledger.cells[cell]) for pair in pairs)
