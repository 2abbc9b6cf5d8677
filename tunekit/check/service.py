"""The ladder of a service: the limits between this host and N connections, one end of each here.

Pure: from facts. A service has a number of processes of its own, each with the descriptor limit
that it was given, where `verify` (tunekit.check.capacity) makes as many as it needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from tunekit.check import service_host, service_network
from tunekit.check.footprint import Footprint, footprint
from tunekit.check.ladder import Forecast, Rung
from tunekit.kernel.capacity_facts import CapacityFacts


class Role(Enum):
    """Which end of its connections a service is."""

    SERVER = "server"
    CLIENT = "client"
    PROXY = "proxy"
    """Each connection in has one out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The service that is asked about.

    `connections` 0 asks how many are carried. `nofile` is the descriptor limit of each of the
    `processes`, None for the soft limit that a process started from here gets. The connections out
    go to so many `destinations` (address and port) from so many `sources` (addresses). `rate`
    connections a second begin, at one listener a process, and in the long run as many end; None
    says nothing of it. The part `active` has data in its buffers at a time, `queued` bytes a
    socket; None for what the kernel begins with. `memory_share` is the part of the available memory
    that the service may take. `whose` names whose limit `nofile` is, empty for the caller's.
    """

    role: Role
    connections: int = 0
    processes: int = 1
    nofile: int | None = None
    destinations: int = 1
    sources: int = 1
    rate: float | None = None
    active: float = 0.01
    queued: int | None = None
    app_bytes: int = 0
    memory_share: float = 0.75
    whose: str = ""

    @property
    def sockets(self) -> int:
        """The sockets of this host for each connection."""
        return 2 if self.role is Role.PROXY else 1

    @property
    def outgoing(self) -> int:
        """The connections out for each connection."""
        return 0 if self.role is Role.SERVER else 1

    @property
    def per_process(self) -> int:
        """The sockets of one process."""
        return self.sockets * -(-self.connections // self.processes)


def forecast(service: Service, facts: CapacityFacts) -> Forecast:
    """Lay the ladder for a service, in the order in which the limits are met."""
    memory = model(service, facts)
    return Forecast(wanted=service.connections, rungs=tuple(_rungs(service, facts, memory)))


def model(service: Service, facts: CapacityFacts) -> Footprint:
    """What the service's connections take of memory."""
    return footprint(
        facts,
        sockets=service.sockets,
        outgoing=service.outgoing,
        active=service.active,
        queued=service.queued,
        app_bytes=service.app_bytes,
    )


def _rungs(service: Service, facts: CapacityFacts, memory: Footprint) -> Iterator[Rung]:
    yield service_host.descriptors(service, facts)
    yield service_host.nr_open(service, facts)
    yield service_host.open_files(service, facts)
    if service.outgoing:
        yield service_network.source_ports(service, facts)
    yield service_host.available_memory(service, facts, memory)
    if facts.cgroup_memory is not None:
        yield service_host.cgroup_memory(service, facts.cgroup_memory, memory)
    if facts.tcp_mem or service.active:
        yield service_network.tcp_memory(service, facts, memory)
    yield service_host.watches(service, facts)
    if facts.conntrack_max:
        yield service_network.conntrack(service, facts, facts.conntrack_max)
    if service.role is not Role.CLIENT:
        yield service_network.accept_queue(service, facts)
    yield from service_network.closing(facts)
