"""Taking the shards of a load through its phases, as far as they go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tunekit.errors import ProbeRefused
from tunekit.probe import outcome
from tunekit.probe.load import Load, Phase
from tunekit.probe.look import Look, look
from tunekit.probe.supervisor import OutOfTime, Supervisor


@dataclass(slots=True, kw_only=True)
class Course:
    """How far a run came: seconds and echoes of each phase, where it ended, and what was seen
    then.
    """

    seconds: dict[Phase, float] = field(default_factory=dict)
    echoed: dict[Phase, int] = field(default_factory=dict)
    ended_in: Phase = Phase.START
    in_time: bool = True
    loaded: Look = field(default_factory=Look)

    @contextmanager
    def in_phase(self, phase: Phase) -> Iterator[None]:
        """Time a phase."""
        self.ended_in = phase
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[phase] = time.monotonic() - start


def lead(supervisor: Supervisor, load: Load) -> Course:
    """Take the shards through the phases as far as they go."""
    course = Course()
    try:
        with course.in_phase(Phase.START):
            _start(supervisor)
        with course.in_phase(Phase.CONNECT):
            supervisor.connect()
        _prove_round(supervisor, course, 1)
        if load.hold:
            with course.in_phase(Phase.HOLD):
                supervisor.hold(load.hold)
            _prove_round(supervisor, course, 2)
    except OutOfTime:
        course.in_time = False
    course.loaded = look()
    return course


def _prove_round(supervisor: Supervisor, course: Course, round_: int) -> None:
    phase = Phase.PROVE if round_ == 1 else Phase.PROVE_AGAIN
    with course.in_phase(phase):
        supervisor.prove(round_)
    course.echoed[phase] = outcome.proved(supervisor.pairs, round_)


def _start(supervisor: Supervisor) -> None:
    try:
        supervisor.start()
    except OSError as error:
        started = sum(1 for _ in supervisor.shards())
        raise ProbeRefused(
            f"{started} of {2 * len(supervisor.pairs)} processes could be started: "
            f"{error.strerror}",
            errno=error.errno,
            hint="see ulimit -u, kernel.pid_max and pids.max of this control group",
        ) from error
