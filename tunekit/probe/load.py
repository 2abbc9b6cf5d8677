"""What a proof of connections is asked, what it says meanwhile, and what comes out."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from tunekit.kernel.costs import BYTES_PER_CONNECTION, BYTES_PER_UNIX_CONNECTION
from tunekit.probe import tokens
from tunekit.probe.model import Measurement


class Family(Enum):
    """The address family; the value is the one of socket(2)."""

    INET = socket.AF_INET
    INET6 = socket.AF_INET6
    UNIX = socket.AF_UNIX

    @property
    def bytes_per_connection(self) -> int:
        """The kernel memory of both ends of a connection."""
        return BYTES_PER_UNIX_CONNECTION if self is Family.UNIX else BYTES_PER_CONNECTION


class Phase(Enum):
    """What the shards are doing."""

    START = "start"
    CONNECT = "connect"
    PROVE = "prove"
    HOLD = "hold"
    PROVE_AGAIN = "prove again"
    CLOSE = "close"
    SERVE = "serve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The connections to open and prove.

    `processes` is the number of server processes, each with a client process of its own; None
    takes as many as the descriptors need. `nofile` is the descriptor limit that each takes, None
    for the hard limit as it is. `user` is who they become when the caller is root, None for no
    change. `hold` seconds pass before a second proof. Without `hold` and `messages` there is one
    proof. `patience` seconds without progress give a connection up, and `timeout` seconds bound
    the whole run (None: a minute and what the number of connections needs at a twentieth of the
    usual speed).

    `rate` connections a second are begun over all processes, whether or not earlier ones are
    established (an open loop); None begins each when its process has done the one before.
    `messages` rounds of `payload` bytes are echoed while holding, on the `active` share of the
    connections; the others stay idle. `listeners` is how many each server has; None takes as many
    as keep its source ports easy to find.

    `max_memory_share` is the part of the available memory that it may take. `force` tries although
    limits that are known are in the way.
    """

    connections: int
    processes: int | None = None
    listeners: int | None = None
    user: str | None = "nobody"
    hold: float = 0.0
    timeout: float | None = None
    patience: float = 15.0
    family: Family = Family.INET
    backlog: int = 65535
    nofile: int | None = None
    at_once: int | None = None
    in_flight: int = 64
    rate: float | None = None
    messages: int = 0
    payload: int = tokens.SIZE
    active: float = 1.0
    max_memory_share: float = 0.5
    force: bool = False

    @property
    def deadline(self) -> float:
        """The seconds that the whole run may take."""
        if self.timeout is not None:
            return self.timeout
        beginning = self.connections / self.rate if self.rate else 0.0
        talking = self.messages * (self.connections * self.active / 1000 + self.payload / 1e6)
        return 60 + self.connections / 1000 + beginning + self.hold + talking

    @property
    def rounds(self) -> int:
        """How often each connection is proved."""
        return 2 if self.hold or self.messages else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the load is.

    `done` of `asked` connections are through the phase; `rate` is the phase's so far, a second;
    `remaining` the seconds left at that rate or of the hold, None when there is nothing to tell
    it by. Memory is in bytes, taken since the start. `processes` are those that run now.
    """

    phase: Phase
    asked: int
    opened: int
    done: int
    rate: float
    elapsed: float
    remaining: float | None
    memory_available: int
    memory_taken: int
    processes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Connections that were not proved, by the phase and the cause.

    `cause` is the name of an errno, such as `EMFILE`, or `killed`, `timeout`, `wrong token`.
    """

    phase: Phase
    cause: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """The limit that stopped a load: its name, what was seen, and the command that raises it."""

    limit: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What became of a Load.

    `opened` are those that the clients established, `accepted` those that the servers took on.
    `proved` were answered with their own token in every round, on the same connection, and their
    server says the same. `lost` accounts for all the others. `faults` are what servers met
    (accept, epoll_ctl), which explains losses and adds none. `backlog` is the effective one,
    read back from a listener. `counters` holds what the watched TCP counters rose by.
    `sockets_expected` and `sockets_seen` are sockets of the family in use over the
    `sockets_others` that there were before. `rounds` are those that were done. `interrupted` is
    the signal that ended it early, and `ended_in` the phase that it came to.
    """

    asked: int
    opened: int
    proved: int
    accepted: int = 0
    lost: tuple[Lost, ...] = ()
    faults: tuple[Lost, ...] = ()
    obstacle: Obstacle | None = None
    family: Family = Family.INET
    rounds: int = 1
    interrupted: int | None = None
    ended_in: Phase = Phase.CLOSE
    servers: int = 0
    per_process: int = 0
    listeners: int = 0
    user: str = ""
    nofile: int = 0
    backlog_requested: int = 0
    backlog: int | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    sockets_expected: int = 0
    sockets_seen: int | None = None
    sockets_others: int = 0
    time_wait_left: int | None = None
    seconds: float = 0.0
    measurements: tuple[Measurement, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Tell whether every connection was proved and the kernel counted as many."""
        whole = self.proved == self.asked and self.interrupted is None
        return whole and self.sockets_agree is not False

    @property
    def sockets_agree(self) -> bool | None:
        """Tell whether sockstat counted both ends of each; None when it could not be read.

        Sockets of other programs that were closed meanwhile are allowed for.
        """
        if self.sockets_seen is None:
            return None
        return self.sockets_seen >= self.sockets_expected - self.sockets_others
