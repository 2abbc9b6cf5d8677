"""Machines to give to the engine: one in memory, one that dies, one that is clumsy."""

from __future__ import annotations

import os
import signal

from tunekit.engine.machine import Machine
from tunekit.engine.model import Subject
from tunekit.kernel.readings import Cause, Missing, Reading, Value
from tunekit.kernel.refusals import WriteRefused


class MemoryMachine(Machine):
    """A kernel that stores every text as it is, but for what it is told to refuse."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = dict(values)
        self.log: list[tuple[str, str]] = []
        self.refuse: set[str] = set()
        self.round: dict[str, str] = {}
        self.resets: dict[str, dict[str, str]] = {}

    def read(self, subject: Subject) -> Reading:
        text = self.values.get(subject.name)
        return Missing() if text is None else Value(text)

    def write(self, subject: Subject, text: str) -> None:
        if subject.name in self.refuse:
            raise WriteRefused("the kernel refuses the value", cause=Cause.OUT_OF_RANGE)
        self.log.append((subject.name, text))
        self.values[subject.name] = self.round.get(text, text)
        self.values.update(self.resets.get(subject.name, {}))


class DyingMachine(Machine):
    """The real kernel, seen by a process that is killed right after its n-th write."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.left = writes

    def write(self, subject: Subject, text: str) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        super().write(subject, text)
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class SignallingMachine(Machine):
    """The real kernel, seen by a process that gets a signal during its n-th write."""

    def __init__(self, writes: int, signum: int) -> None:
        super().__init__()
        self.left = writes
        self.signum = signum

    def write(self, subject: Subject, text: str) -> None:
        super().write(subject, text)
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(self.signum)


class ClumsyMachine(Machine):
    """The real kernel, given a value whose last field it refuses after taking the others."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__()
        self.key = key
        self.bad = text

    def write(self, subject: Subject, text: str) -> None:
        first_time = subject.name == self.key and self.bad
        super().write(subject, self._once() if first_time else text)

    def _once(self) -> str:
        text, self.bad = self.bad, ""
        return text
