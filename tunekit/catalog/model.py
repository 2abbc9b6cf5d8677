"""What can be known of a tunable."""

from __future__ import annotations

from enum import Enum

from tunekit.records import dataclass
from tunekit.values import Kind


class Scope(Enum):
    """Whose value it is."""

    HOST = "host"
    """One value for the whole host, absent from a child network namespace."""
    HOST_VISIBLE = "host, read-only in a child"
    """One value for the whole host; newer kernels show it read-only in a child namespace."""
    NETNS = "network namespace"
    """Each network namespace has its own."""
    USERNS = "user namespace"
    """Each user namespace has its own copy below its ancestors' limits."""
    PROCESS = "process"
    """Each process has its own: a resource limit."""


class Direction(Enum):
    """Which way is more generous."""

    UP = "up"
    DOWN = "down"
    """The low end of a port range: a smaller number is a wider range."""
    NONE = "none"
    """A mode, a flag or a name: there is no more and no less."""


class Tier(Enum):
    """How a profile may treat it."""

    TUNABLE = "tunable"
    SECURITY = "security"
    """Needs `allow` in the profile and `--allow` on the command line."""
    READ_ONLY = "read-only"
    OBSOLETE = "obsolete"


class Risk(Enum):
    """How much harm a wrong value does."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Lax(Enum):
    """Where the kernel stores what is out of range: a number that means nothing, or nothing good.

    A profile may not ask for it all the same.
    """

    NOWHERE = "nowhere"
    BELOW = "below the minimum"
    ABOVE = "above the maximum"
    BOTH = "below the minimum and above the maximum"

    @property
    def below(self) -> bool:
        """Tell whether what is under the minimum is stored."""
        return self is Lax.BELOW or self is Lax.BOTH

    @property
    def above(self) -> bool:
        """Tell whether what is over the maximum is stored."""
        return self is Lax.ABOVE or self is Lax.BOTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One number of a value. A scalar has one field with an empty name.

    `minimum` and `maximum` are inclusive, None where there is no bound. They are the widest that
    any kernel in use accepts: a narrower kernel answers EINVAL, which is data. `lax` says which
    of the two the kernel does not enforce (docs/reference/kernels.md has what real ones did).
    """

    name: str = ""
    minimum: int | None = None
    maximum: int | None = None
    direction: Direction = Direction.UP
    lax: Lax = Lax.NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunable:
    """One entry of the catalogue.

    `pattern` is the dotted key; `*` stands for an interface name. `unlimited` are the values
    that mean "no limit". `ordered` says that the fields must not decrease (min, default, max),
    which the kernel checks for few keys only. `floor` is the value below which the host or
    tunekit itself breaks. `one_way` says that no write can be taken back before the next boot,
    `final` which values cannot. `rounds` says that the kernel may store another value than the
    one written. `exclusive` names the key that a write to this one sets to a zero that cannot be
    written back. `moves` are patterns of the keys that a write changes too; `before` of the keys
    that must be written later than this one; both may match the key itself. `module` is the
    kernel module without which the file is absent.
    """

    pattern: str
    kind: Kind = Kind.NUMBERS
    fields: tuple[Field, ...] = (Field(),)
    unit: str = ""
    tier: Tier = Tier.TUNABLE
    scope: Scope = Scope.HOST
    summary: str
    takes_effect: str = ""
    default: str = ""
    unlimited: frozenset[int] = frozenset()
    ordered: bool = False
    floor: int | None = None
    one_way: bool = False
    final: frozenset[int] = frozenset()
    secret: bool = False
    rounds: bool = False
    max_length: int | None = None
    exclusive: str = ""
    moves: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    module: str = ""
    risk: Risk = Risk.LOW
    risk_note: str = ""
    history: tuple[str, ...] = ()
    since: str = ""
    removed: str = ""
    replacement: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """The kernel refuses a write that would make `low` exceed `high`.

    Each side is a key and the index of its field.
    """

    low: tuple[str, int]
    high: tuple[str, int]
