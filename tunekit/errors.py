"""The exception tree.

Every error that tunekit raises on purpose is a `TunekitError`: a cause in lower case, the thing it
concerns as fields, and a hint that says what to do. Only `tunekit.cli` prints one.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from signal import SIGINT, SIGQUIT
from typing import Any

from tunekit.records import dataclass


class ExitCode(IntEnum):
    """What a command says to its caller (docs/reference/exit-codes.md)."""

    OK = 0
    NO = 1
    USAGE = 2
    IMPOSSIBLE = 3
    ROLLED_BACK = 4
    INCOMPLETE = 5
    LOCKED = 6
    INTERNAL = 70
    INTERRUPTED = 130
    TERMINATED = 143


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A line of a file that the user wrote. `line` counts from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class TunekitError(Exception):
    """Something went wrong that the user can understand and act on.

    `str(error)` is `LOCATION: KEY: message; hint`, without the parts that are empty.
    """

    exit_code: ExitCode = ExitCode.IMPOSSIBLE

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        key: str = "",
        path: str = "",
        errno: int | None = None,
        location: Location | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.key = key
        self.path = path
        self.errno = errno
        self.location = location

    def __str__(self) -> str:
        place = str(self.location) if self.location else self.path
        text = ": ".join(part for part in (place, self.key, self.message) if part)
        return f"{text}; {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[Any, ...]:
        # An error crosses from the child that entered a network namespace; keyword arguments do
        # not survive the default protocol.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(cls: type[TunekitError], args: tuple[Any, ...], state: dict[str, Any]) -> TunekitError:
    error = cls.__new__(cls, *args)
    Exception.__init__(error, *args)
    error.__dict__.update(state)
    return error


class UsageError(TunekitError):
    """The command was called wrongly."""

    exit_code = ExitCode.USAGE


class InvalidKey(UsageError):
    """A text that is no sysctl key."""


class InvalidValue(UsageError):
    """A text that is no value of its key's type."""


class ProfileError(UsageError):
    """A profile that cannot be used. `problems` holds every error found, in file order."""

    def __init__(self, problems: Sequence[TunekitError]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class NotAllowed(UsageError):
    """A key that can hurt, without `allow` in the profile and `--allow` on the command line."""


class UnknownTransaction(UsageError):
    """No transaction of that number in the journal."""


class ReadFailed(TunekitError):
    """The kernel would not let us read what is needed."""


class NamespaceError(TunekitError):
    """A network namespace that cannot be found or entered."""


class PlanBlocked(TunekitError):
    """A required setting cannot be met here; nothing was written."""


class StateError(TunekitError):
    """The state directory or the journal cannot be used."""


class RecoveryFailed(TunekitError):
    """What a run that died has left could not be undone."""

    exit_code = ExitCode.INCOMPLETE


class ChildEnded(TunekitError):
    """The child process that acted in a network namespace ended before it was done."""

    exit_code = ExitCode.INCOMPLETE


class ProbeRefused(TunekitError):
    """A load that is out of reach of this host; nothing was opened."""


class Locked(TunekitError):
    """Another tunekit run holds the lock."""

    exit_code = ExitCode.LOCKED


class Interrupted(TunekitError):
    """A signal ended the run: the keyboard's exit with 130, the others with 143."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"interrupted by signal {signum}")
        self.signum = signum
        keyboard = signum in (SIGINT, SIGQUIT)
        self.exit_code = ExitCode.INTERRUPTED if keyboard else ExitCode.TERMINATED
