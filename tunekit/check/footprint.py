"""What a service's connections take of memory: the model, part by part. Pure.

An idle connection takes its socket, its watch and its place in the descriptor table; buffers take
nothing while they are empty, whatever their limits are.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunekit.kernel import costs
from tunekit.kernel.capacity_facts import CapacityFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that a connection takes, in bytes: while it is idle, and while it is active."""

    name: str
    at_rest: int
    active: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """The memory of the connections of a service.

    `parts` are those of one connection. `share` of the connections are active at a time.
    `ceiling` bounds the buffers of all together, in bytes (tcp_mem); None where it is not shown.
    """

    parts: tuple[Part, ...]
    share: float
    ceiling: int | None

    @property
    def at_rest(self) -> int:
        """The bytes of an idle connection."""
        return sum(part.at_rest for part in self.parts)

    @property
    def buffers(self) -> int:
        """The bytes that an active connection has in its buffers."""
        return sum(part.active - part.at_rest for part in self.parts)

    def queued(self, connections: int) -> int:
        """The bytes in the buffers of so many connections, of which a share is active."""
        queued = int(connections * self.share * self.buffers)
        return queued if self.ceiling is None else min(queued, self.ceiling)

    def under_load(self, connections: int) -> int:
        """The bytes of so many connections, of which a share is active."""
        return connections * self.at_rest + self.queued(connections)

    def fits(self, memory: int) -> int:
        """The connections that fit into so many bytes under load."""
        count = int(memory / (self.at_rest + self.share * self.buffers))
        if self.ceiling is not None and count * self.share * self.buffers > self.ceiling:
            count = max(0, memory - self.ceiling) // self.at_rest
        return count


def footprint(
    facts: CapacityFacts,
    *,
    sockets: int,
    outgoing: int,
    active: float,
    queued: int | None,
    app_bytes: int,
) -> Footprint:
    """Model connections of so many `sockets` each, `outgoing` of them with a source port.

    An active connection has `queued` bytes in the buffers of each socket; None fills them to where
    the kernel begins (tcp_rmem[1] and tcp_wmem[1]), which is what it grows from under load.
    `app_bytes` are the program's own for each connection.
    """
    each = first_buffers(facts) if queued is None else queued
    ceiling = facts.tcp_mem[2] * facts.page_size if len(facts.tcp_mem) == 3 else None
    socket = costs.BYTES_PER_SERVER_END - costs.BYTES_PER_WATCH
    fixed = {
        "socket, file, inode": sockets * socket,
        "epoll watch": sockets * costs.BYTES_PER_WATCH,
        "descriptor slot": sockets * costs.BYTES_PER_SLOT,
        "source port": outgoing * costs.BYTES_PER_LOCAL_PORT,
        "application": app_bytes,
    }
    parts = [Part(name=name, at_rest=size, active=size) for name, size in fixed.items() if size]
    parts.append(Part(name="socket buffers", at_rest=0, active=sockets * each))
    return Footprint(parts=tuple(parts), share=active, ceiling=ceiling)


def first_buffers(facts: CapacityFacts) -> int:
    """The bytes of both full buffers of a new connection; the kernel's defaults if not shown."""
    receive = facts.tcp_rmem[1] if len(facts.tcp_rmem) == 3 else 131_072
    send = facts.tcp_wmem[1] if len(facts.tcp_wmem) == 3 else 16_384
    return receive + send
