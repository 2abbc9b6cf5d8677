"""What is compared, over which sizes, and where one figure belongs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tunekit.errors import UsageError
from tunekit.probe.load import Family
from tunekit.probe.model import Scalar

LADDER = (10, 30, 100, 300, 1000, 3000, 10_000, 20_000)
"""Descriptors to watch when nothing is said; the last is cut to what nofile allows."""
QUICK_LADDER = (10, 100, 1000, 4000)
FEWEST_ROUNDS = 25
ROUNDS = 27
SECONDS = 54.0
QUICK_SECONDS = 8.0
"""How long the usual study may take, and a quick one."""
SHARES = (0.0, 0.01, 0.1, 1.0)
"""The part that is active; 0 stands for a single descriptor."""


class Mechanism(Enum):
    """A way to be told which of many descriptors can be read."""

    SELECT = "select"
    POLL = "poll"
    LEVEL = "epoll"
    """Level triggered, epoll's own default."""
    EDGE = "epoll-et"
    """Edge triggered (EPOLLET)."""
    THREAD = "thread"
    """One thread for each connection, blocked in read."""
    PROCESS = "process"
    """One process for each connection, blocked in read."""


class Wait(Enum):
    """The timeout of a call. Something is ready whenever one is timed, so that none sleeps."""

    NOW = "zero"
    """Zero: look and return."""
    BLOCKING = "none"
    """No timeout, as servers wait: poll and select also enter the queue of each descriptor that
    they look at before the first ready one (do_poll and do_select, fs/select.c).
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Where samples belong: a figure of a mechanism at a number of descriptors."""

    name: str
    descriptors: int
    mechanism: Mechanism | None = None
    wait: Wait | None = None
    active: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What to measure.

    `descriptors` are the sizes, `shares` the active parts of each, 0 for a single descriptor.
    Each size is visited in `passes` passes of `rounds` rounds, of which the first warms up.
    `per_connection` are the sizes at which a server with a thread or a process for each
    connection is compared with one loop. All of it may take `memory_share` of the memory that is
    available. It is to end within `seconds`, for which a busy machine leaves out passes; None for
    as long as it takes. `cross_check` has sockperf measure the same, beyond that time.
    """

    descriptors: tuple[int, ...] = LADDER
    shares: tuple[float, ...] = SHARES
    passes: int = 3
    rounds: int = 10
    per_connection: tuple[int, ...] = (100, 1000, 2000)
    memory_share: float = 0.25
    seconds: float | None = None
    cross_check: bool = False

    @property
    def samples(self) -> int:
        """The rounds that count."""
        return self.passes * (self.rounds - 1)


def study(
    *,
    descriptors: Sequence[int] | None = None,
    rounds: int | None = None,
    quick: bool = False,
    cross_check: bool = False,
) -> Study:
    """Lay out a study of at least `rounds` rounds; with sizes or rounds of the caller's it takes
    as long as they need. Raises UsageError for one without sizes.
    """
    if rounds is not None and rounds < FEWEST_ROUNDS:
        raise UsageError(
            f"{rounds} rounds are too few for a median and its spread",
            hint=f"take {FEWEST_ROUNDS} or more",
        )
    passes = 2 if quick else 3
    sizes = tuple(sorted(set(descriptors or (QUICK_LADDER if quick else LADDER))))
    if sizes[0] < 1:
        raise UsageError("fewer than one descriptor", hint="give sizes such as 10,1000")
    served = (10, 100) if quick else Study().per_connection
    return Study(
        descriptors=sizes,
        passes=passes,
        rounds=-(-(rounds or ROUNDS) // passes) + 1,
        per_connection=tuple(size for size in served if size <= sizes[-1]) or sizes[-1:],
        cross_check=cross_check,
        seconds=None if descriptors or rounds else QUICK_SECONDS if quick else SECONDS,
    )


def active_counts(descriptors: int, shares: Sequence[float]) -> tuple[int, ...]:
    """How many descriptors each share is, without repeating one; below one there is none."""
    counts = (1 if share == 0 else round(descriptors * share) for share in shares)
    return tuple(dict.fromkeys(count for count in counts if count >= 1))


def parameters(cell: Cell, family: Family) -> dict[str, Scalar]:
    """What a figure depends on, as the report says it."""
    every: dict[str, Scalar] = {
        "family": family.name.lower(),
        "mechanism": cell.mechanism and cell.mechanism.value,
        "timeout": cell.wait and cell.wait.value,
        "descriptors": cell.descriptors,
        "active": cell.active,
    }
    return {name: value for name, value in every.items() if value is not None}
