"""What happens meanwhile, on standard error: one line that is rewritten on a terminal, a line
every few seconds elsewhere, nothing with --quiet.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from tunekit.cli import output

if TYPE_CHECKING:
    from tunekit.engine.model import Plan
    from tunekit.probe.load import Progress

LIVE_INTERVAL = 0.1
LOG_INTERVAL = 5.0


class Narrator:
    """Tells what an operation does while it does it; `tunekit.api.Observer`.

    A context manager: leaving it ends the line that was being rewritten. `clock`, `write` and
    `live` are for tests.
    """

    def __init__(
        self,
        look: output.Look,
        *,
        clock: Callable[[], float] = time.monotonic,
        write: Callable[[str], None] = output.whisper,
        live: bool | None = None,
        width: Callable[[], int] = output.width,
    ) -> None:
        self._look = look
        self._clock = clock
        self._write = write
        self._live = _stderr_is_terminal() if live is None else live
        self._width = width
        self._interval = LIVE_INTERVAL if self._live else LOG_INTERVAL
        self._due = clock() + (0 if self._live else LOG_INTERVAL)
        self._drawn = False
        self._phase = ""

    def __enter__(self) -> Narrator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # The line may have been drawn by a child process, in another network namespace.
        self._drawn = self._live and not self._look.quiet
        self._clear()

    def note(self, text: str) -> None:
        """Say a remark on a line of its own."""
        if not self._look.quiet:
            self._clear()
            self._write(f"tunekit: {_visible(text)}\n")

    def plan(self, plan: Plan) -> None:
        """Say what is about to be written."""
        self.note(summary(plan))
        if self._look.verbose:
            for change in plan.writes:
                self.note(f"  {change.key}: {change.before} -> {change.wanted}")

    def progress(self, progress: Progress) -> None:
        """Show how far a load is, not more often than a reader can follow."""
        now = self._clock()
        begins = progress.phase.value != self._phase
        if self._look.quiet or (now < self._due and not (begins and self._live)):
            return
        self._due, self._phase = now + self._interval, progress.phase.value
        text = describe(progress)
        if not self._live:
            self._write(f"tunekit: {text}\n")
            return
        # One column is left free: some terminals wrap when the last one is written.
        self._write(f"\r{text[: self._width() - 1]}\x1b[K")
        self._drawn = True

    def _clear(self) -> None:
        if self._drawn:
            self._write("\r\x1b[K")
            self._drawn = False


def summary(plan: Plan) -> str:
    """A plan in one line."""
    parts = [f"{len(plan.writes)} to write", f"{len(plan.settled)} left as they are"]
    if plan.blocked:
        parts.append(f"{len(plan.blocked)} cannot be met")
    return f"plan: {', '.join(parts)}"


def describe(progress: Progress) -> str:
    """A load's progress in one line."""
    talks = bool(progress.rate) and progress.phase.value == "hold"
    what = " messages" if talks else ""
    text = f"{progress.phase.value}: {progress.done:,} of {progress.asked:,}"
    if not talks:
        text += " connections"
    if progress.rate:
        text += f", {progress.rate:,.0f}{what}/s"
    if progress.remaining is not None:
        text += f", {progress.remaining:.0f} s left"
    if progress.memory_taken > 0:
        text += f", {progress.memory_taken / 2**20:,.0f} MiB taken"
    return text


def _visible(text: str) -> str:
    from tunekit.report.escape import visible

    return visible(text)


def _stderr_is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
