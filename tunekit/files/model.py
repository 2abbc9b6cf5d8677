"""Who sets what at boot, and from which line."""

from __future__ import annotations

from enum import Enum

from tunekit.records import dataclass


class Reader(Enum):
    """The program that reads sysctl.d at boot."""

    SYSTEMD = "systemd-sysctl"
    PROCPS = "sysctl --system"


class Writer(Enum):
    """Who writes a key at boot, in the order in which they do."""

    KERNEL = "the kernel command line"
    MANAGER = "systemd itself (PID 1)"
    """PID 1 raises fs.file-max when it starts (bump_file_max_and_nr_open in src/core/main.c)."""
    SYSCTL_D = "sysctl.d"
    SYSCTL_CONF = "sysctl.conf"
    TUNED = "TuneD"


class Only(Enum):
    """When TuneD writes a value: only where it is more, or less, than what is there."""

    MORE = ">"
    LESS = "<"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A line of a file that boot reads. `line` counts from 1, and is 0 where there is no line."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One line of a file that boot reads.

    `path` is what its reader makes of the key, below /proc/sys and perhaps with wildcards; it may
    name nothing that could be a key. `value` is None for a line `-KEY`, which only keeps KEY out
    of wildcards. `optional` says that the line begins with `-`: a failure is passed over.
    `computed` says that the value is worked out when it is written, and cannot be told here. With
    `only` it is written or not by what is there.
    """

    path: str
    value: str | None
    origin: Origin
    writer: Writer = Writer.SYSCTL_D
    optional: bool = False
    computed: bool = False
    only: Only | None = None

    @property
    def place(self) -> str:
        """Who sets it and where, in words."""
        match self.writer:
            case Writer.KERNEL | Writer.MANAGER:
                return f"set by {self.writer.value}"
            case Writer.TUNED:
                return f"set by TuneD in {self.origin}"
        return f"set in {self.origin}"

    @property
    def text(self) -> str | None:
        """The value as it is written in the file."""
        return f"{self.only.value}{self.value}" if self.only else self.value

    @property
    def is_glob(self) -> bool:
        """Tell whether the path is a pattern."""
        return any(char in self.path for char in "*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """What says something about boot, and nobody can tell what: a file or folder that is there and
    could not be read, or, with `undecided`, that was read and leaves it to the next boot.
    """

    path: str
    cause: str
    undecided: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.cause}" if self.undecided else f"{self.path} cannot be read"
