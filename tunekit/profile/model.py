"""What a profile says, once resolved: immutable, with the line of every statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date
from enum import Enum

from tunekit.errors import Location
from tunekit.records import dataclass
from tunekit.values import Ports, SysctlKey, Text


class Mode(Enum):
    """How a wanted value binds."""

    EXACTLY = "exactly"
    AT_LEAST = "at_least"
    """At least as generous, in the tunable's own direction."""
    AT_MOST = "at_most"


Wanted = tuple[int | None, ...] | Ports | Text
"""What is wanted: one number a field (None leaves the field alone), a port set or a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One demand on a value. A vector has as many fields in `wanted` as the key has."""

    mode: Mode
    wanted: Wanted

    def __str__(self) -> str:
        if isinstance(self.wanted, tuple):
            shown = " ".join("keep" if number is None else str(number) for number in self.wanted)
        else:
            shown = str(self.wanted)
        if self.mode is Mode.EXACTLY:
            return shown
        return f"{self.mode.value.replace('_', ' ')} {shown}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A key and what it must be.

    `prefer` is an order of choice, resolved by the plan to the first that this kernel can give;
    a setting has either `prefer` or `requirements`. `optional` reports a key that is not here
    instead of failing for it. `source` says why one should believe `reason`.
    """

    key: SysctlKey
    requirements: tuple[Requirement, ...] = ()
    prefer: tuple[str, ...] = ()
    optional: bool = False
    reason: str = ""
    source: str = ""
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A resource limit, soft and hard alike. `name` is setrlimit's in lower case: `nofile`.

    -1 in a requirement is RLIM_INFINITY.
    """

    name: str
    requirements: tuple[Requirement, ...]
    optional: bool = False
    reason: str = ""
    source: str = ""
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeWanted:
    """The proof that a profile asks for."""

    connections: int
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """Leave for a check of `tunekit preflight` to fail, until the end of the day `expires` (UTC).

    `subject` is the one that it is for; empty for everything that the check finds.
    """

    check: str
    subject: str = ""
    reason: str
    expires: date
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A profile with its parents merged and its expressions evaluated.

    `path` is the file that was used; `parents` are those that it extends, nearest last. `given`
    are the variables of `--set`, as texts. `warnings` are remarks of the loader that stop nothing,
    each with its place.
    """

    name: str
    path: str
    summary: str = ""
    parents: tuple[str, ...] = ()
    variables: Mapping[str, int] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[Setting, ...] = ()
    limits: tuple[Limit, ...] = ()
    probe: ProbeWanted | None = None
    waivers: tuple[Waiver, ...] = ()
    allow: frozenset[SysctlKey] = frozenset()
    warnings: tuple[str, ...] = ()
