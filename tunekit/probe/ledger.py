"""What a pair of shards has done, in memory that they share with the supervisor.

Nothing is serialised and nothing needs to be sent: progress is read while the shards run, and
what a shard did is still known after it was killed. Each cell has one writer.
"""

from __future__ import annotations

import errno
import mmap
from collections.abc import Iterator
from enum import IntEnum

from tunekit.probe.histogram import CELLS, Histogram
from tunekit.probe.load import Phase

_PHASES = tuple(Phase)
_ERRNOS = 160


class Cell(IntEnum):
    """A count of 64 bits."""

    OPENED = 0
    """Connections that the client has established."""
    PROVED = 1
    """Tokens of the present round that came back to the client."""
    ACCEPTED = 2
    """Connections that the server has accepted and watches."""
    ECHOED = 3
    """Tokens that the server found right and sent back, over all rounds."""
    FOREIGN = 4
    """Messages that the server did not expect: no token, a repeated one, another's one."""
    WRONG = 5
    """Messages that the client did not expect."""
    BACKLOG = 6
    """The effective backlog of the server's first listener, plus one."""
    TALKED = 7
    """Messages that came back to the client while the connections were held, over all rounds."""


class Ledger:
    """The shared memory of one pair, made before the shards are forked.

    `client_rounds` and `server_rounds` have a byte for each connection: the last round in which
    that side saw its token. `lost` and `faults` count by phase and errno.
    """

    __slots__ = (
        "_faults",
        "_lost",
        "cells",
        "client_rounds",
        "connect_latency",
        "connections",
        "echo_latency",
        "server_rounds",
        "talk_latency",
    )

    def __init__(self, connections: int) -> None:
        self.connections = connections
        counts = len(Cell)
        errnos = len(_PHASES) * _ERRNOS
        words = counts + 3 * CELLS + 2 * errnos
        memory = memoryview(mmap.mmap(-1, 8 * words + 2 * connections))
        wide = memory[: 8 * words].cast("Q")
        maps = memory[8 * words :]
        self.cells = wide[:counts]
        wide = wide[counts:]
        self.connect_latency = Histogram(wide[:CELLS])
        self.echo_latency = Histogram(wide[CELLS : 2 * CELLS])
        self.talk_latency = Histogram(wide[2 * CELLS : 3 * CELLS])
        wide = wide[3 * CELLS :]
        self._lost = wide[:errnos]
        self._faults = wide[errnos:]
        self.client_rounds = maps[:connections]
        self.server_rounds = maps[connections:]

    def lose(self, phase: Phase, number: int, count: int = 1) -> None:
        """Count connections that the client gave up for an errno."""
        self._lost[_place(phase, number)] += count

    def fault(self, phase: Phase, number: int, count: int = 1) -> None:
        """Count what went wrong at the server for an errno."""
        self._faults[_place(phase, number)] += count

    def losses(self) -> Iterator[tuple[Phase, str, int]]:
        """Each phase and errno's name that the client lost connections for, with the number."""
        return _counted(self._lost)

    def faults(self) -> Iterator[tuple[Phase, str, int]]:
        """The same for the server."""
        return _counted(self._faults)

    def fault_numbers(self) -> Iterator[tuple[Phase, int, int]]:
        """As `faults`, with the errno itself."""
        return _numbered(self._faults)

    def proved(self, round_: int) -> int:
        """The connections whose token both ends saw in that round: the sets, compared."""
        mark = round_mark(round_)
        whole = bytes([mark]) * self.connections
        client, server = bytes(self.client_rounds), bytes(self.server_rounds)
        if client == server == whole:
            return self.connections
        return sum(a == mark == b for a, b in zip(client, server, strict=True))


def round_mark(round_: int) -> int:
    """The byte that stands for a round, counted from 1: never 0, which means not yet."""
    return (round_ - 1) % 255 + 1


def _place(phase: Phase, number: int) -> int:
    return _PHASES.index(phase) * _ERRNOS + min(number, _ERRNOS - 1)


def _counted(table: memoryview) -> Iterator[tuple[Phase, str, int]]:
    for phase, number, count in _numbered(table):
        yield phase, errno.errorcode.get(number, f"errno {number}"), count


def _numbered(table: memoryview) -> Iterator[tuple[Phase, int, int]]:
    for place, count in enumerate(table):
        if count:
            phase, number = divmod(place, _ERRNOS)
            yield _PHASES[phase], number, count
