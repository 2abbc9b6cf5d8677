"""Signals during a transaction: noticed between two writes, never in the middle of an undo."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tunekit.errors import Interrupted

# A lost ssh session sends SIGHUP; Ctrl-\ sends SIGQUIT.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Guard:
    """Holds back the signals that end a run.

    Inside the guard a signal is remembered; `check` raises Interrupted for it, and so does the
    signal itself within `raising`, until a guard further in has been entered. In a thread other
    than the main one Python delivers no signals, and the guard does nothing.
    """

    def __init__(self) -> None:
        self.pending: int | None = None
        self._raise_at_once = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Guard:
        if threading.current_thread() is threading.main_thread():
            for signum in SIGNALS:
                # One that the caller ignores, as nohup does with SIGHUP, stays ignored.
                if signal.getsignal(signum) is not signal.SIG_IGN:
                    self._previous[signum] = signal.signal(signum, self._arrived)
            for handler in self._previous.values():
                outer = getattr(handler, "__self__", None)
                if isinstance(outer, Guard):
                    # What is guarded here has something to report, which an exception between
                    # its end and the report would lose.
                    outer._raise_at_once = False
        return self

    def __exit__(self, *exc: object) -> None:
        for signum, handler in self._previous.items():
            signal.signal(signum, handler if handler is not None else signal.SIG_DFL)
        self._previous.clear()

    def _arrived(self, signum: int, frame: FrameType | None) -> None:
        self.pending = self.pending or signum
        if self._raise_at_once:
            self._raise_at_once = False
            raise Interrupted(signum)

    def check(self) -> None:
        """Raise Interrupted when a signal has come."""
        if self.pending is not None:
            raise Interrupted(self.pending)

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Let a signal interrupt what runs inside at once, once."""
        self.check()
        self._raise_at_once = True
        try:
            yield
        finally:
            self._raise_at_once = False
