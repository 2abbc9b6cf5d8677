"""What an export is made from, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tunekit.files.exchange import LeftOut
from tunekit.values import SysctlKey


class Target(Enum):
    """The tool that an export is for."""

    SYSCTL_D = "sysctl.d"
    TUNED = "tuned"
    ANSIBLE = "ansible"
    SYSTEMD = "systemd"
    DOCKER = "docker"
    KUBERNETES = "kubernetes"
    SHELL = "shell"


class Bound(Enum):
    """How one field of a key is wanted."""

    KEEP = "keep"
    EXACTLY = "is"
    AT_LEAST = "min"
    AT_MOST = "max"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldWish:
    """What is wanted of one field: the numbers may rise to `AT_LEAST` or fall to `AT_MOST`."""

    bound: Bound
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One key. `value` is what a tool is given that knows no more than to write it.

    `demand` is what the profile asks for, in its own words, for a comment. `fields` are the same
    as bounds on numbers, empty for a text; `choices` the texts of which the first that the kernel
    has is wanted. `unlimited` are numbers that mean "no limit". `own` says that a container has a
    value of its own. `place` is the file and line of the profile.
    """

    key: SysctlKey
    value: str
    demand: str
    fields: tuple[FieldWish, ...] = ()
    choices: tuple[str, ...] = ()
    unlimited: tuple[int, ...] = ()
    optional: bool = False
    reason: str = ""
    source: str = ""
    own: bool = False
    place: str = ""

    @property
    def is_literal(self) -> bool:
        """Tell whether the value is the whole of what is wanted."""
        return not self.choices and all(each.bound is Bound.EXACTLY for each in self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitItem:
    """One resource limit; None is unlimited."""

    name: str
    bound: Bound = Bound.EXACTLY
    soft: int | None
    hard: int | None
    demand: str = ""
    reason: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A profile's settings and limits as plain values, its proof and what it allows."""

    name: str
    summary: str = ""
    items: tuple[Item, ...] = ()
    limits: tuple[LimitItem, ...] = ()
    connections: int | None = None
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The text of the file, and what it does not say."""

    text: str
    left_out: tuple[LeftOut, ...] = ()
