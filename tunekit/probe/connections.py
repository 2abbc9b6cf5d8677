"""Opening, proving, holding and closing connections against real epoll servers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tunekit.errors import Interrupted, ProbeRefused
from tunekit.kernel import capacity_facts, process
from tunekit.kernel.capacity_facts import CapacityFacts
from tunekit.probe import obstacles, outcome, tokens
from tunekit.probe.course import Course, lead
from tunekit.probe.load import Family, Load, Lost, Phase, Progress, Proof
from tunekit.probe.look import Look, difference, look, moved
from tunekit.probe.model import Measurement
from tunekit.probe.obstacles import Circumstances
from tunekit.probe.plan import Layout, in_flight, lay_out
from tunekit.probe.supervisor import Supervisor
from tunekit.probe.watch import Watch

_USUAL_PORTS = 28_232
# What sockstat counts the sockets of a family in; those of Unix have no count of their own.
_IN_USE = {
    Family.INET: "TCP.inuse",
    Family.INET6: "TCP6.inuse",
    Family.UNIX: "sockets.used",
}


def prove(load: Load, *, observe: Callable[[Progress], None] | None = None) -> Proof:
    """Open the connections of a load, prove each, hold them, prove them again and close them.

    `observe` is called ten times a second, in this thread. Whatever ends the call, no process and
    no socket of the load is left. A load that could not be carried is a Proof with `lost` and an
    `obstacle`; one that a handler's Interrupted ended says how far it came. Raises ProbeRefused,
    before any connection is opened, for a load that cannot be tried here, and UsageError for one
    that makes no sense.
    """
    facts = capacity_facts.gather()
    layout = _layout(load, facts)
    user = _user(load)
    _refuse_too_much_memory(load, facts)
    before = look()
    watch = Watch(load, observe, memory_before=before.available)
    supervisor = Supervisor(
        load,
        layout,
        user=user,
        nonce=tokens.new_nonce(),
        at_once=load.at_once or facts.cpus,
        tick=watch.tick,
    )
    watch.attach(supervisor)
    course = Course()
    with descriptors_for(2 * len(layout.connections)):
        try:
            with supervisor:
                lead(supervisor, load, course)
                if course.whole:
                    supervisor.close()
        except Interrupted as error:
            course.interrupted, course.ended_in = error.signum, supervisor.phase
    return _proof(load, layout, facts, user, supervisor, course, watch, before)


def _layout(load: Load, facts: CapacityFacts) -> Layout:
    layout = lay_out(
        load,
        hard=facts.nofile_hard,
        ceiling=(facts.nr_open or 0) if facts.may_raise_nofile else 0,
        ports=facts.ports or _USUAL_PORTS,
        cpus=facts.cpus,
    )
    pages = None
    if facts.tcp_mem:
        pages = max(0, facts.tcp_mem[0] - (facts.tcp_mem_used or 0))
    clients = min(load.at_once or facts.cpus, len(layout.connections))
    return replace(
        layout,
        in_flight=in_flight(load, pages=pages, page_size=facts.page_size, clients=clients),
    )


def _user(load: Load) -> process.User | None:
    """The user to become; None for who this is, which is all that anybody but root can be."""
    if load.user is None or os.geteuid() != 0:
        return None
    return process.find_user(load.user)


def _refuse_too_much_memory(load: Load, facts: CapacityFacts) -> None:
    if facts.memory_available is None or load.force:
        return
    each = load.family.bytes_per_connection
    needed = load.connections * each
    allowed = int(facts.memory_available * load.max_memory_share)
    if needed > allowed:
        raise ProbeRefused(
            f"{load.connections} connections take about {needed >> 20} MiB of kernel memory; "
            f"{allowed >> 20} MiB may be taken, {load.max_memory_share:.0%} of what is available",
            hint=f"ask for {allowed // each}, or --force",
        )


@contextmanager
def descriptors_for(shards: int) -> Iterator[None]:
    """Have room for a control descriptor of each shard, within the hard limit."""
    soft, hard = process.descriptor_limits()
    wanted = min(hard, soft + shards + 32)
    process.set_descriptor_limits(wanted, hard)
    try:
        yield
    finally:
        process.set_descriptor_limits(soft, hard)


def _proof(
    load: Load,
    layout: Layout,
    facts: CapacityFacts,
    user: process.User | None,
    supervisor: Supervisor,
    course: Course,
    watch: Watch,
    before: Look,
) -> Proof:
    pairs = supervisor.pairs
    after = look()
    rounds = load.rounds if course.interrupted is None else course.rounds
    proved = outcome.proved(pairs, rounds)
    opened = outcome.opened(pairs)
    why = "timeout" if course.interrupted is None else "interrupted"
    lost = outcome.lost(pairs, rounds, course.ended_in, why=why)
    faults = outcome.faults(pairs)
    counters = moved(before, course.loaded)
    backlog = outcome.backlog(pairs)
    obstacle = obstacles.name(
        lost,
        faults,
        counters,
        Circumstances(
            facts=facts,
            connections=load.connections,
            per_process=layout.connections[0],
            nofile=layout.nofile,
            backlog=backlog,
            backlog_requested=load.backlog,
            timeout=load.deadline,
            oom_kills=difference(before.oom_kills, after.oom_kills) or 0,
        ),
    )
    waiting = difference(before.sockets.get("TCP.tw"), after.sockets.get("TCP.tw"))
    in_use = _IN_USE[load.family]
    listeners = outcome.listeners(pairs)
    return Proof(
        asked=load.connections,
        opened=opened,
        proved=proved,
        accepted=outcome.accepted(pairs),
        lost=lost,
        faults=faults,
        obstacle=obstacle,
        family=load.family,
        rounds=rounds,
        interrupted=course.interrupted,
        ended_in=Phase.CLOSE if course.whole else course.ended_in,
        servers=len(pairs),
        per_process=layout.connections[0],
        listeners=listeners,
        user=user.name if user else "",
        nofile=layout.nofile,
        backlog_requested=load.backlog,
        backlog=backlog,
        counters=counters,
        sockets_expected=2 * proved + listeners,
        sockets_seen=difference(before.sockets.get(in_use), course.loaded.sockets.get(in_use)),
        sockets_others=before.sockets.get(in_use, 0),
        time_wait_left=None if waiting is None else max(0, waiting),
        seconds=sum(course.seconds.values()),
        notes=tuple(f"{name} rose by {count}" for name, count in counters.items() if count),
        measurements=measurements(
            load,
            supervisor,
            course,
            watch,
            before,
            opened,
            proved,
            lost=lost,
            in_flight=layout.in_flight,
        ),
    )


def measurements(
    load: Load,
    supervisor: Supervisor,
    course: Course,
    watch: Watch,
    before: Look,
    opened: int,
    proved: int,
    *,
    lost: Sequence[Lost] = (),
    in_flight: int | None = None,
) -> tuple[Measurement, ...]:
    """The figures of a run, in the order in which they are read."""
    pairs = supervisor.pairs
    shards = list(supervisor.shards())
    figures = [
        Measurement(name="connections.asked", measured=load.connections, unit="1"),
        Measurement(name="connections.opened", measured=opened, unit="1"),
        Measurement(name="connections.proved", measured=proved, unit="1"),
        Measurement(name="connections.lost", measured=load.connections - proved, unit="1"),
        *outcome.causes(lost),
        *outcome.rate(
            "connect.rate",
            opened,
            course.seconds,
            watch.course,
            Phase.CONNECT,
            requested=load.rate,
        ),
        *outcome.latency(
            "connect.latency", outcome.merged(pair.ledger.connect_latency for pair in pairs)
        ),
    ]
    for round_, (phase, count) in enumerate(course.echoed.items(), 1):
        figures += outcome.rate(
            "echo.rate", count, course.seconds, watch.course, phase, round=round_
        )
    return (
        *figures,
        *outcome.latency(
            "echo.latency",
            outcome.merged(pair.ledger.echo_latency for pair in pairs),
            in_flight=in_flight or load.in_flight,
        ),
        *outcome.talk(load, pairs, course.talking),
        *outcome.memory(before, course.loaded, opened, load.family.bytes_per_connection),
        *outcome.resident(shards),
        *outcome.processor(shards, load.connections),
    )
