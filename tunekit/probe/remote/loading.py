"""Loading other hosts: sessions with their servers, shards here, and one Proof of both sides."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from tunekit.errors import Interrupted
from tunekit.kernel import capacity_facts, costs, process
from tunekit.kernel.capacity_facts import CapacityFacts
from tunekit.probe import connections, obstacles, outcome
from tunekit.probe.course import Course, lead
from tunekit.probe.ledger import round_mark
from tunekit.probe.load import Family, Load, Lost, Obstacle, Phase, Progress, Proof
from tunekit.probe.look import Look, difference, look, moved
from tunekit.probe.model import Measurement
from tunekit.probe.obstacles import Circumstances
from tunekit.probe.plan import Layout
from tunekit.probe.remote import aim as aims
from tunekit.probe.remote import loader
from tunekit.probe.remote.aim import Aim
from tunekit.probe.remote.line import Line, open_line
from tunekit.probe.remote.loader import Loader
from tunekit.probe.remote.model import Endpoint
from tunekit.probe.shard import Control, Role, Work
from tunekit.probe.supervisor import Pair, Supervisor
from tunekit.probe.watch import Watch

IN_FLIGHT = 256
"""Unanswered tokens of a process: a round trip is longer than on loopback."""

UNCOUNTED = "not counted by the server"
_OPEN_PATIENCE = 10.0
_ENDED_THERE = ("ECONNRESET", "EPIPE", "ECONNREFUSED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What both sides of a session say of its last round: tokens that came back `here`, tokens
    that came `there`, and those that are the same. `there` is None when the server did not say.
    """

    target: Endpoint
    asked: int
    here: int
    there: int | None
    both: int

    @property
    def holds(self) -> bool:
        """Tell whether the two sets are one."""
        return self.here == self.there == self.both


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteProof:
    """A Proof, and what each target had to say of it."""

    proof: Proof
    agreements: tuple[Agreement, ...]

    @property
    def ok(self) -> bool:
        """Tell whether all was proved and all sides say so."""
        return self.proof.ok and all(each.holds for each in self.agreements)


class _Loading(Supervisor):
    """The client shards of a load on other hosts: every pair's server is elsewhere, and its side
    of the ledger is filled in from what the server says.
    """

    def __init__(
        self,
        aim: Aim,
        lines: Sequence[Line],
        layout: Layout,
        *,
        user: process.User | None,
        at_once: int,
        tick: Callable[[Phase], None],
    ) -> None:
        super().__init__(aim.load, layout, user=user, nonce=0, at_once=at_once, tick=tick)
        self.agreements: tuple[Agreement, ...] = ()
        self._aim = aim
        self._lines = lines
        pairs = iter(self.pairs)
        self._of = {line: [next(pairs) for _ in range(line.share.shards)] for line in lines}

    def start(self) -> None:
        """Start all clients."""
        process.load_libc()
        for line, pairs in self._of.items():
            for number, pair in enumerate(pairs):
                self._start(Role.CLIENT, pair, self._loading(line, number, pair))

    def prove(self, round_: int) -> None:
        """Have every client prove its connections, then ask the servers what came."""
        super().prove(round_)
        left = min(self._load.patience, self._deadline - time.monotonic())
        self.agreements = tuple(
            _compare(line, pairs, round_, seconds=left) for line, pairs in self._of.items()
        )

    def _wait_until(self, end: float) -> None:
        # There is nothing to hold once the servers are gone.
        while (left := end - time.monotonic()) > 0 and not self._deserted():
            self._messages(left)

    def _deserted(self) -> bool:
        poll = select.poll()
        for line in self._lines:
            poll.register(line.descriptor, select.POLLIN)
        return len(poll.poll(0)) == len(self._lines)

    def _loading(self, line: Line, number: int, pair: Pair) -> Work:
        load, in_flight = self._load, self._layout.in_flight
        routes = self._aim.routes(line.endpoint, pair.ledger.connections)

        def work(control: Control) -> None:
            loader.run(
                control,
                Loader(
                    pair.ledger,
                    keys=line.keys,
                    session=line.session,
                    shard=number,
                    in_flight=in_flight,
                    patience=load.patience,
                ),
                routes,
            )

        return work


def prove(aim: Aim, *, observe: Callable[[Progress], None] | None = None) -> RemoteProof:
    """Open the connections of a load to other hosts, prove each, hold them, prove them again,
    have the servers' count of them, and close them.

    As `connections.prove`, which is the same on one host. Raises ProbeRefused, with nothing left
    open, for a server that cannot be reached or refuses.
    """
    load = aim.load
    facts = capacity_facts.gather()
    parts = aims.shares(aim, hard=facts.nofile_hard, cpus=facts.cpus)
    sizes = aims.sizes(parts)
    layout = Layout(
        connections=sizes,
        listeners=1,
        nofile=load.nofile or min(facts.nofile_hard, max(sizes) + costs.SPARE_DESCRIPTORS),
        in_flight=max(IN_FLIGHT, load.in_flight),
    )
    user = process.find_user(load.user) if load.user and os.geteuid() == 0 else None
    before = look()
    watch = Watch(load, observe, memory_before=before.available)
    course = Course()
    with ExitStack() as stack:
        stack.enter_context(connections.descriptors_for(len(sizes) + len(parts)))
        lines = [
            stack.enter_context(
                open_line(
                    target,
                    part,
                    secret=aim.secret,
                    source=aim.sources_for(target)[0],
                    seconds=min(_OPEN_PATIENCE, load.deadline),
                )
            )
            for target, part in zip(aim.targets, parts, strict=True)
        ]
        supervisor = _Loading(
            aim, lines, layout, user=user, at_once=load.at_once or facts.cpus, tick=watch.tick
        )
        watch.attach(supervisor)
        try:
            with supervisor:
                lead(supervisor, load, course)
                if course.whole:
                    supervisor.close()
        except Interrupted as error:
            course.interrupted, course.ended_in = error.signum, supervisor.phase
    return RemoteProof(
        proof=_proof(aim, layout, facts, user, supervisor, course, watch, before),
        agreements=supervisor.agreements,
    )


def _compare(line: Line, pairs: Sequence[Pair], round_: int, *, seconds: float) -> Agreement:
    """Fill in the server's side of the ledgers, and compare."""
    mark = round_mark(round_)
    here = b"".join(bytes(pair.ledger.client_rounds) for pair in pairs)
    there = line.tally(round_, seconds=max(0.1, seconds))
    if there is not None:
        marks, place = there.replace(b"\x01", bytes([mark])), 0
        for pair in pairs:
            end = place + pair.ledger.connections
            pair.ledger.server_rounds[:] = marks[place:end]
            place = end
    return Agreement(
        target=line.endpoint,
        asked=len(here),
        here=here.count(mark),
        there=None if there is None else there.count(1),
        both=sum(pair.ledger.proved(round_) for pair in pairs) if there is not None else 0,
    )


def _proof(
    aim: Aim,
    layout: Layout,
    facts: CapacityFacts,
    user: process.User | None,
    supervisor: _Loading,
    course: Course,
    watch: Watch,
    before: Look,
) -> Proof:
    load, pairs, after = aim.load, supervisor.pairs, look()
    rounds = load.rounds if course.interrupted is None else course.rounds
    proved = outcome.proved(pairs, rounds)
    opened = outcome.opened(pairs)
    lost = outcome.lost(pairs, rounds, course.ended_in, why=_why(course))
    counters = moved(before, course.loaded)
    waiting = difference(before.sockets.get("TCP.tw"), after.sockets.get("TCP.tw"))
    seen = difference(before.sockets.get("TCP.inuse"), course.loaded.sockets.get("TCP.inuse"))
    if any(target.family is Family.INET6 for target in aim.targets):
        # /proc/net/sockstat has these under a name of their own in another file.
        seen = None
    return Proof(
        asked=load.connections,
        opened=opened,
        proved=proved,
        lost=lost,
        obstacle=_obstacle(aim, lost, counters, facts, layout),
        family=aim.targets[0].family,
        rounds=rounds,
        interrupted=course.interrupted,
        ended_in=Phase.CLOSE if course.whole else course.ended_in,
        servers=len(aim.targets),
        per_process=layout.connections[0],
        user=user.name if user else "",
        nofile=layout.nofile,
        counters=counters,
        sockets_expected=proved,
        sockets_seen=seen,
        sockets_others=before.sockets.get("TCP.inuse", 0),
        time_wait_left=None if waiting is None else max(0, waiting),
        seconds=sum(course.seconds.values()),
        notes=tuple(f"{name} rose by {count}" for name, count in counters.items() if count),
        measurements=_measurements(load, supervisor, course, watch, before, opened, proved, lost),
    )


def _measurements(
    load: Load,
    supervisor: _Loading,
    course: Course,
    watch: Watch,
    before: Look,
    opened: int,
    proved: int,
    lost: Sequence[Lost],
) -> tuple[Measurement, ...]:
    figures = connections.measurements(
        load,
        supervisor,
        course,
        watch,
        before,
        opened,
        proved,
        lost=lost,
        in_flight=max(IN_FLIGHT, load.in_flight),
    )
    # One end of each is here, and what was expected of both says nothing of it.
    return tuple(
        replace(each, predicted=costs.BYTES_PER_CLIENT_END) if each.predicted else each
        for each in figures
    )


def _why(course: Course) -> str:
    """What became of connections that nothing else explains."""
    if course.interrupted is not None:
        return "interrupted"
    return UNCOUNTED if course.whole else "timeout"


def _obstacle(
    aim: Aim,
    lost: Sequence[Lost],
    counters: dict[str, int],
    facts: CapacityFacts,
    layout: Layout,
) -> Obstacle | None:
    """Name what stopped it: the server where it was there, else what the same on one host is."""
    for one in lost:
        if one.cause in _ENDED_THERE:
            return Obstacle(
                limit="server",
                reason=f"{one.count} connections were ended by the other side ({one.cause}) in "
                f"the {one.phase.value} phase",
                remedy="see what `tunekit serve` and dmesg say on the other host",
            )
        if one.cause == UNCOUNTED:
            return Obstacle(
                limit="server",
                reason=f"{one.count} connections were proved here and not by the server",
                remedy="see what `tunekit serve` says on the other host",
            )
    return obstacles.name(
        lost,
        (),
        counters,
        Circumstances(
            facts=facts,
            connections=aim.load.connections,
            per_process=layout.connections[0],
            nofile=layout.nofile,
            backlog=None,
            backlog_requested=aim.load.backlog,
            timeout=aim.load.deadline,
        ),
    )
