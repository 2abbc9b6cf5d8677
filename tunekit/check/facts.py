"""What the checks of a gate are given: everything that was read of the host, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from tunekit.records import dataclass

if TYPE_CHECKING:
    from tunekit.kernel.capacity_facts import CapacityFacts
    from tunekit.kernel.readings import Reading
    from tunekit.kernel.snapshot import Snapshot
    from tunekit.profile.model import Profile
    from tunekit.values import SysctlKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Arriving:
    """The resource limits that a service gets, each as `SOFT HARD` with -1 for unlimited.

    `whose` names the service for a person: `this process`, `process 4711`. `remedy` is the command
    that gives it other limits, with `{name}`, `{soft}` and `{hard}` to be filled in.
    """

    whose: str
    limits: Mapping[str, Reading] = field(default_factory=dict)
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was read of the host, for every check.

    `read_only` are the keys of the profile on a read-only mount, None when that cannot be told.
    `enter` is what a command is prefixed with to act in the network namespace that was looked at.
    """

    profile: Profile
    snapshot: Snapshot
    arriving: Arriving
    capacity: CapacityFacts
    read_only: frozenset[SysctlKey] | None = None
    enter: str = ""
