"""What the checks of a gate are given: everything that was read of the host, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from tunekit.records import dataclass

if TYPE_CHECKING:
    from tunekit.check.model import Finding
    from tunekit.check.stale import Wanted
    from tunekit.files.boot import Boot
    from tunekit.kernel.capacity_facts import CapacityFacts
    from tunekit.kernel.readings import Reading
    from tunekit.kernel.running import Running
    from tunekit.kernel.snapshot import Snapshot
    from tunekit.profile.model import Profile, Requirement
    from tunekit.values import SysctlKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Arriving:
    """The resource limits that a service gets, each as `SOFT HARD` with -1 for unlimited.

    `whose` names the service for a person: `this process`, `process 4711`. `remedy` is the command
    that gives it other limits, with `{name}`, `{NAME}`, `{soft}` and `{hard}` to be filled in, and
    `endless` its word for no limit; a limit in `units` is written in so many of the kernel's.
    `origins` tells where the soft and the hard one come from.
    `unread` says why one that is no value is none. `remarks` are what is wrong with the files that
    they come from.
    """

    whose: str
    limits: Mapping[str, Reading] = field(default_factory=dict)
    remedy: str = ""
    endless: str = "unlimited"
    units: Mapping[str, int] = field(default_factory=dict)
    origins: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    unread: str = ""
    remarks: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """One value that a transaction of this boot holds, and what the kernel shows of it now.

    `command` applies its profile again.
    """

    name: str
    requirements: tuple[Requirement, ...]
    transaction: int
    profile: str
    command: str
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the journal says of this host and network namespace; `error` when it cannot be read.

    `ended` is the transaction that applied the profile before the last boot, None when one of this
    boot did, or none ever.
    """

    applied: tuple[Applied, ...] = ()
    ended: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was read of the host, for every check.

    What is None could not be looked at, or belongs to a check that was not asked. `read_only` are
    the keys of the profile on a read-only mount. `groups_shown` says that the control groups of
    this process can be seen. `enter` is what a command is prefixed with to act in the network
    namespace that was looked at; `apply` and `persist` are the commands that make the profile so
    here, and over a reboot. `defaults` are what the kernel gives keys by itself, as far as
    that can be seen.
    """

    profile: Profile
    snapshot: Snapshot
    arriving: Arriving
    capacity: CapacityFacts
    read_only: frozenset[SysctlKey] | None = None
    groups_shown: bool = True
    boot: Boot | None = None
    defaults: Mapping[SysctlKey, str] = field(default_factory=dict)
    past: Past | None = None
    running: Running | None = None
    wanted: Wanted | None = None
    seconds_up: float = 0.0
    enter: str = ""
    apply: str = ""
    persist: str = ""
