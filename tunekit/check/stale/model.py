"""What programs are judged against, and how they are spoken of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote

from tunekit.kernel.running import Program
from tunekit.profile.model import Requirement

NOBODY = "(program not seen)"
"""Stands for whoever holds a socket whose program may not be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What programs are judged against.

    `earlier` are the values that a key had before during this boot, as the journal has them.
    `nofile` maps each present soft and hard limit to the one that the profile wants instead,
    without those that are generous enough. `settings` is what other network namespaces are
    compared with. `buffers` says that the sizes of buffers matter: the profile sets them, or they
    have changed. `profile` is how the profile is typed in a command, empty without one. `journal`
    says why the journal could not be read, empty when it was.
    """

    profile: str = ""
    journal: str = ""
    earlier: Mapping[str, Sequence[str]] = field(default_factory=dict)
    nofile: Mapping[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    settings: Mapping[str, tuple[Requirement, ...]] = field(default_factory=dict)
    buffers: bool = False

    def numbers(self, key: str, index: int = 0) -> frozenset[int]:
        """The earlier values of one field of a key."""
        return frozenset(
            int(fields[index])
            for text in self.earlier.get(key, ())
            if len(fields := text.split()) > index and fields[index].lstrip("-").isdigit()
        )


def label(program: Program) -> str:
    """A program with its unit or container."""
    if program.is_nobody:
        return NOBODY
    where = program.group.unit
    if program.group.container:
        where = f"container {program.group.container}"
    return f"{program.name} ({where})" if where else program.name


def restart(program: Program) -> str:
    """How to start a program anew: a command where systemd runs it."""
    if program.is_nobody:
        return "run as root to see which program it is, and restart that"
    if program.group.container:
        return f"restart the container {program.group.container}"
    if not program.group.unit:
        return f"restart {program.name} ({pids(program.pids)})"
    return f"{_manager(program)} restart {quote(program.group.unit)}"


def edit(program: Program) -> str:
    """The command that adds to the unit of a program."""
    return f"{_manager(program)} edit {quote(program.group.unit)}"


def _manager(program: Program) -> str:
    return "systemctl --user" if program.group.user else "systemctl"


def pids(numbers: Sequence[int], most: int = 3) -> str:
    """Process ids in words."""
    named = ", ".join(map(str, numbers[:most]))
    rest = len(numbers) - most
    return f"pid {named}" + (f" and {rest} more" if rest > 0 else "")


def listed(texts: Sequence[str], most: int = 3) -> str:
    """Some of many texts."""
    rest = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {rest} more" if rest > 0 else "")


def counted(count: int, one: str, more: str = "") -> str:
    """A number of things; the plural is given where it is not made by an s."""
    return f"{count} {one if count == 1 else more or f'{one}s'}"
