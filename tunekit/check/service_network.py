"""The limits of ports, queues and tables of the network on the way of a service. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from tunekit.check import arrivals
from tunekit.check.footprint import Footprint
from tunekit.check.ladder import Rung, unknown
from tunekit.check.lifts import ROOM_FOR_OTHERS, counted, lift_to, liftable, linear
from tunekit.kernel.capacity_facts import CapacityFacts

if TYPE_CHECKING:
    from tunekit.check.service import Service

_FIRST_PORT, _LAST_PORT = 1024, 65_535
_USUAL_LOW = 16_384
"""As in the ready profiles: most of what listens has a lower port."""
_WIDEST_QUEUE = 65_535
_LEAST_PAGES = 1024
"""Of tcp_mem, below which the host is cut off."""
_TIME_WAIT = 60
"""Seconds (TCP_TIMEWAIT_LEN, include/net/tcp.h)."""


def source_ports(service: Service, facts: CapacityFacts) -> Rung:
    """The ports to connect from."""
    limit = "net.ipv4.ip_local_port_range"
    if facts.ports is None or facts.port_low is None or facts.port_high is None:
        return unknown(limit)
    pairs = service.destinations * service.sources
    waiting = _waiting(service, facts)
    needed = -(-(service.connections + waiting) // pairs)
    reserved = facts.port_high - facts.port_low + 1 - facts.ports
    low = _USUAL_LOW
    if needed > _LAST_PORT - low + 1 - reserved:
        low = max(_FIRST_PORT, _LAST_PORT + 1 - reserved - needed)
    enough = needed <= _LAST_PORT - low + 1 - reserved
    lift = lift_to(
        limit,
        (str(low), low),
        (str(_LAST_PORT), _LAST_PORT),
        reason="a source address has that many connections to one address and port",
        source="net/ipv4/inet_hashtables.c __inet_hash_connect; ip(7)",
    )
    allows = max(0, facts.ports * pairs - waiting)
    remedy = ""
    if allows < service.connections:
        most = (_LAST_PORT - _FIRST_PORT + 1 - reserved) * service.destinations
        addresses = -(-(service.connections + waiting) // most)
        remedy = lift.command if enough else f"connect from {addresses} source addresses or more"
    return Rung(
        limit=limit,
        value=facts.ports,
        allows=allows,
        why=f"source ports, for each of {counted(pairs, 'pair', 'pairs')} of source address and "
        "destination; past half of them a connect is slow"
        + (f"; {waiting} are in TIME_WAIT at this rate" if waiting else ""),
        remedy=remedy,
        lift=lift,
    )


def _waiting(service: Service, facts: CapacityFacts) -> int:
    """The ports that connections which ended here hold back."""
    # With timestamps a port is taken again after a second (tcp_twsk_unique, net/ipv4/tcp_ipv4.c).
    seconds = 1 if facts.time_wait_reuse == 1 else _TIME_WAIT
    return int((service.rate or 0) * seconds)


def closing(facts: CapacityFacts) -> Iterator[Rung]:
    """What bounds connections that have ended, and stops none."""
    if facts.time_wait_max is not None:
        yield Rung(
            limit="net.ipv4.tcp_max_tw_buckets",
            value=facts.time_wait_max,
            used=facts.time_wait,
            why=f"closed connections wait in it for {_TIME_WAIT} s; past it they lose that "
            "protection, and none is refused",
        )
    if facts.orphans_max is not None:
        yield Rung(
            limit="net.ipv4.tcp_max_orphans",
            value=facts.orphans_max,
            used=facts.orphans,
            why="closed here and not yet by the peer; past it they are reset",
        )


def tcp_memory(service: Service, facts: CapacityFacts, memory: Footprint) -> Rung:
    """The pages that TCP may take for what is in buffers."""
    limit = "net.ipv4.tcp_mem"
    each = memory.share * memory.buffers / facts.page_size
    if len(facts.tcp_mem) != 3:
        return unknown(limit)
    low, pressure, high = facts.tcp_mem
    used = facts.tcp_mem_used or 0
    if not each:
        return Rung(limit=limit, value=high, used=used, why="idle connections take none of it")
    active = f"{100 * memory.share:.3g}%"
    # As an integer fraction, which an expression of a profile can hold.
    ratio = Fraction(memory.share).limit_denominator(10_000) * memory.buffers / facts.page_size
    text = f"connections * {ratio.numerator} // {ratio.denominator} + {used + 1}"
    pages = service.connections * ratio.numerator // ratio.denominator + used + 1
    wanted = (
        (low, text, pages),
        (pressure, f"({text}) * 3 // 2", pages * 3 // 2),
        (high, f"({text}) * 2", pages * 2),
    )
    return liftable(
        service,
        value=high,
        used=used,
        allows=int(max(0, high - used) / each),
        why=f"pages; {active} of the connections have {memory.buffers} bytes in buffers",
        lift=lift_to(
            limit,
            *(
                (f"max({max(now, _LEAST_PAGES)}, {text})", max(now, _LEAST_PAGES, value))
                for now, text, value in wanted
            ),
            reason=f"pages, for {active} of the connections with {memory.buffers} bytes in their "
            "buffers; idle ones take none",
            source="net/ipv4/tcp.c tcp_enter_memory_pressure; tcp(7)",
        ),
    )


def conntrack(service: Service, facts: CapacityFacts, maximum: int) -> Rung:
    """The table of connection tracking."""
    used = facts.conntrack_count or 0
    lift = linear(
        service,
        key="net.netfilter.nf_conntrack_max",
        each=service.sockets,
        others=used + ROOM_FOR_OTHERS,
        reason="where a rule tracks flows, each connection is an entry, closed ones for a while",
        source="net/netfilter/nf_conntrack_core.c __nf_conntrack_alloc",
    )
    if not used:
        # The hooks are there only once a rule needs them (nf_ct_netns_get), and what is tracked
        # then on a live host is never nothing.
        return Rung(
            limit=lift.key,
            value=maximum,
            used=0,
            why="nothing is tracked in this network namespace",
        )
    return liftable(
        service,
        value=maximum,
        used=used,
        allows=max(0, maximum - used) // service.sockets,
        why="an entry for each connection that a firewall rule tracks",
        lift=lift,
    )


def accept_queue(service: Service, facts: CapacityFacts) -> Rung:
    """What waits at a listener."""
    if facts.somaxconn is None:
        return unknown("net.core.somaxconn")
    lift = lift_to(
        "net.core.somaxconn",
        (f"min(connections, {_WIDEST_QUEUE})", min(service.connections, _WIDEST_QUEUE)),
        reason="all clients come back at once after a restart; a full queue costs them seconds",
        source="net/socket.c __sys_listen; listen(2)",
    )
    if service.rate is None or not service.connections:
        return Rung(
            limit=lift.key,
            value=facts.somaxconn,
            why="bounds what waits to be accepted, not what is open",
            lift=lift,
        )
    waiting = arrivals.waiting(
        connections=service.connections,
        listeners=service.processes,
        rate=service.rate,
        servers=min(facts.cpus, service.processes),
    )
    queue = arrivals.room(facts.somaxconn)
    fits = waiting <= queue
    return Rung(
        limit=lift.key,
        value=facts.somaxconn,
        allows=None if fits else queue * service.processes,
        why=f"about {waiting} wait at a listener when {service.rate:g} a second begin",
        remedy="" if fits else lift.command,
        lift=lift,
    )
