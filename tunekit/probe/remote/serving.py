"""Serving other hosts' clients until told to end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress

from tunekit.errors import ProbeRefused, UsageError
from tunekit.kernel import capacity_facts, costs, counters, process
from tunekit.kernel.capacity_facts import CapacityFacts
from tunekit.probe import outcome
from tunekit.probe.load import Phase, Progress
from tunekit.probe.model import Measurement
from tunekit.probe.remote.account import Item
from tunekit.probe.remote.host import Host
from tunekit.probe.remote.model import Ready, Served, Service
from tunekit.probe.remote.wire import MOST_CONNECTIONS

MOST_LISTENERS = 64
DEFAULT_SHARE = 0.5
"""The part of the available memory that is offered when nothing is said."""

_LARGEST = 20_000
_SMALLEST = 500


def serve(
    service: Service,
    *,
    ready: Callable[[Ready], None],
    stopped: Callable[[], bool],
    observe: Callable[[Progress], None] | None = None,
) -> Served:
    """Serve until `stopped` says so or the time is over; `ready` is called once it listens.

    Whatever ends the call, no process and no socket of it is left. Raises UsageError for an
    address off loopback without a secret, and ProbeRefused when it cannot be served here.
    """
    _check(service)
    facts = capacity_facts.gather()
    room = min(_LARGEST, facts.nofile_hard - costs.SPARE_DESCRIPTORS - len(service.listen))
    if room < 1:
        raise ProbeRefused(
            f"a limit of {facts.nofile_hard} descriptors a process leaves none for connections",
            key="rlimit.nofile",
            hint="ulimit -n 1024",
        )
    most = service.max_connections or _affordable(facts)
    user = process.find_user(service.user) if service.user and os.geteuid() == 0 else None
    host = Host(
        service,
        most=most,
        nofile=room + costs.SPARE_DESCRIPTORS + len(service.listen),
        room=room,
        user=user,
    )
    began = time.monotonic()
    with host:
        host.start(min(facts.cpus, -(-most // _SMALLEST)))
        ready(
            Ready(
                listening=host.listening,
                max_connections=most,
                user=user.name if user else "",
                guarded=bool(service.secret),
            )
        )
        _attend(host, service, most, stopped, observe)
        host.close()
    return _served(host, time.monotonic() - began)


def _check(service: Service) -> None:
    if not service.listen or len(service.listen) > MOST_LISTENERS:
        raise UsageError(
            f"{len(service.listen)} addresses to listen on", hint=f"give 1 to {MOST_LISTENERS}"
        )
    for endpoint in service.listen:
        if not endpoint.is_loopback and not service.secret:
            raise UsageError(
                f"{endpoint} can be reached from other hosts, and any of them could load this one",
                hint="give --token-file FILE, and the same file to the clients",
            )
    if not 1 <= (service.max_connections or 1) <= MOST_CONNECTIONS:
        raise UsageError(
            f"{service.max_connections} connections", hint=f"give 1 to {MOST_CONNECTIONS}"
        )


def _affordable(facts: CapacityFacts) -> int:
    if facts.memory_available is None:
        return 1_000_000
    memory = int(facts.memory_available * DEFAULT_SHARE)
    if facts.cgroup_memory is not None:
        memory = min(memory, facts.cgroup_memory.left)
    return max(1, min(MOST_CONNECTIONS, memory // costs.BYTES_PER_SERVER_END))


def _attend(
    host: Host,
    service: Service,
    most: int,
    stopped: Callable[[], bool],
    observe: Callable[[Progress], None] | None,
) -> None:
    began = now = time.monotonic()
    end = float("inf") if service.seconds is None else began + service.seconds
    memory = _available()
    looked = 0.0
    before = 0
    while not stopped() and now < end:
        host.attend(end - now)
        now = time.monotonic()
        if observe is None or now < looked + 0.1:
            continue
        greeted = host.total(Item.GREETED)
        available = _available()
        observe(
            Progress(
                phase=Phase.SERVE,
                asked=most,
                opened=greeted,
                done=host.open,
                rate=max(0.0, (greeted - before) / (now - looked)) if looked else 0.0,
                elapsed=now - began,
                remaining=None if service.seconds is None else end - now,
                memory_available=available,
                memory_taken=max(0, memory - available),
                processes=tuple(each.shard.pid for each in host.hands if each.shard.alive),
            )
        )
        looked, before = now, greeted


def _available() -> int:
    with suppress(Exception):
        return counters.memory().get("MemAvailable", 0)
    return 0


def _served(host: Host, seconds: float) -> Served:
    shards = [hand.shard for hand in host.hands]
    greeted = host.total(Item.GREETED)
    return Served(
        sessions=tuple(host.served),
        accepted=host.total(Item.ACCEPTED),
        greeted=greeted,
        echoed=host.total(Item.ECHOED),
        peak=host.peak,
        strangers=host.strangers(),
        turned_away=host.turned_away,
        refused=host.total(Item.REFUSED),
        why=host.last_errno(),
        workers=len(shards),
        killed=host.killed,
        seconds=seconds,
        measurements=(
            *_measurements(host, greeted),
            *outcome.resident(shards),
            *(outcome.processor(shards, greeted) if greeted else ()),
        ),
    )


def _measurements(host: Host, greeted: int) -> list[Measurement]:
    figures = [
        Measurement(name="connections.asked", measured=one.asked, unit="1", parameters=of)
        for one in host.served
        for of in ({"session": one.number},)
    ]
    figures += [
        Measurement(
            name="connections.proved",
            measured=one.proved,
            unit="1",
            parameters={"session": one.number},
        )
        for one in host.served
    ]
    return [
        *figures,
        Measurement(name="connections.opened", measured=greeted, unit="1"),
        Measurement(name="connections.peak", measured=host.peak, unit="1"),
        *(
            Measurement(
                name="connections.dropped", measured=count, unit="1", parameters={"cause": cause}
            )
            for cause, count in host.strangers().items()
        ),
    ]
