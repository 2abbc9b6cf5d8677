"""What the engine works on: changes, plans, claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum

from tunekit.errors import Location
from tunekit.profile.model import Requirement
from tunekit.records import dataclass


class ScopeKind(Enum):
    """Whose value a name stands for."""

    HOST = "host"
    NETNS = "netns"
    PROCESS = "process"
    FILE = "file"
    """A file that boot reads."""


@dataclass(frozen=True, slots=True)
class ScopeId:
    """One host, namespace or process in time.

    `identity` is the boot id (host), boot id and namespace cookie (netns: inode numbers are
    reused, cookies are not), boot id, pid and start time (process), or the path of the root that
    the file is below (file).
    """

    kind: str
    identity: str

    @property
    def is_process(self) -> bool:
        """Tell whether the scope is one process."""
        return self.kind == ScopeKind.PROCESS.value

    @property
    def is_file(self) -> bool:
        """Tell whether the scope is the files of a root."""
        return self.kind == ScopeKind.FILE.value


@dataclass(frozen=True, slots=True)
class Subject:
    """What one value belongs to: a sysctl key (`net.core.somaxconn`), a resource limit
    (`rlimit.nofile`) or a file (`/etc/sysctl.d/90-x.conf`), in its scope.
    """

    scope: ScopeId
    name: str


class Outcome(Enum):
    """What became of a setting."""

    PLANNED = "planned"
    """Would be written; nothing was."""
    APPLIED = "applied"
    UNCHANGED = "unchanged"
    """Already held."""
    ADJUSTED = "adjusted"
    """The kernel stored another value than the one written, and it still holds."""
    REJECTED = "rejected"
    UNSUPPORTED = "unsupported"
    """This kernel has no such key."""
    ELSEWHERE = "elsewhere"
    """A host key that this namespace does not show."""
    DENIED = "denied"
    ROLLED_BACK = "rolled back"
    REFUSED = "refused"
    """Somebody else changed the value since."""
    MOVED = "moved"
    """A partner that a write to another key changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row of what a command did or would do. Values are texts: `before` and `after` as the
    kernel shows them, `wanted` as it would be written; None where unknown.

    `requirement` is what the profile asks for in words; `remedy` says what to do when the
    outcome is not the wanted one. `target` is the text that goes to the kernel: unlike `before`,
    `wanted` and `after` it holds a secret as it is, and is never shown.
    """

    subject: Subject
    target: str | None = field(default=None, repr=False)
    before: str | None = None
    wanted: str | None = None
    after: str | None = None
    outcome: Outcome
    requirement: str = ""
    reason: str = ""
    source: str = ""
    detail: str = ""
    remedy: str = ""
    optional: bool = False
    location: Location | None = None

    @property
    def key(self) -> str:
        """The name of the subject."""
        return self.subject.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One resolved requirement for one key, in its scope. An empty `requirements` is a partner:
    the key is moved by a write to another one and nothing is wanted of it.
    """

    subject: Subject
    requirements: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an apply will do, in order. Pure data: nothing has been written.

    `writes` are in the order of writing; `moved` are partners that those writes change;
    `settled` need no write (unchanged, unsupported, elsewhere); `blocked` cannot be met here and
    stop the whole apply. `claims` are every resolved requirement, also of what already holds.
    """

    writes: tuple[Change, ...] = ()
    moved: tuple[Change, ...] = ()
    settled: tuple[Change, ...] = ()
    blocked: tuple[Change, ...] = ()
    claims: tuple[Claim, ...] = ()
    warnings: tuple[str, ...] = ()
    modules: Mapping[str, str] = field(default_factory=dict)
    """Key to the kernel module that its write will load."""
