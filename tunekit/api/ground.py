"""Where a transaction is done: the machine, the journal's folder, the lock's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tunekit.engine import lock
from tunekit.engine.interrupts import Guard
from tunekit.engine.journal import Journal
from tunekit.engine.machine import Machine
from tunekit.engine.store import STATE_DIR, opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where a transaction is done. Tests give a machine and folders of their own."""

    machine: Machine
    state_dir: Path
    run_dir: Path

    @property
    def option(self) -> str:
        """What another command must be told to use the same journal; empty for the usual one."""
        from shlex import quote

        usual = self.state_dir == STATE_DIR
        return "" if usual else f" --state-dir {quote(str(self.state_dir))}"

    @contextmanager
    def entered(self) -> Iterator[tuple[Journal, Guard]]:
        """Hold the lock, the journal and the signals."""
        with lock.held(self.run_dir), opened(self.state_dir) as journal, Guard() as guard:
            yield journal, guard


def chosen(state_dir: Path | None, ground: Ground | None) -> Ground:
    """The given ground, else this machine with the usual folders."""
    return ground or Ground(
        machine=Machine(), state_dir=state_dir or STATE_DIR, run_dir=lock.RUN_DIR
    )
