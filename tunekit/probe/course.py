"""Taking the shards of a load through its phases, as far as they go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tunekit.errors import Interrupted, ProbeRefused
from tunekit.probe import outcome
from tunekit.probe.load import Load, Phase
from tunekit.probe.look import Look, look
from tunekit.probe.supervisor import OutOfTime, Supervisor


@dataclass(slots=True, kw_only=True)
class Course:
    """How far a run came: seconds and echoes of each phase, where it ended, by which signal if by
    any, and what was seen then. `talking` are the seconds of the messages while holding.
    """

    seconds: dict[Phase, float] = field(default_factory=dict)
    echoed: dict[Phase, int] = field(default_factory=dict)
    ended_in: Phase = Phase.START
    in_time: bool = True
    interrupted: int | None = None
    talking: float = 0.0
    loaded: Look = field(default_factory=Look)

    @property
    def whole(self) -> bool:
        """Tell whether nothing cut it short."""
        return self.in_time and self.interrupted is None

    @property
    def rounds(self) -> int:
        """The rounds of proof that were done, at least the first, though it may not be through."""
        return max(1, len(self.echoed))

    @contextmanager
    def in_phase(self, phase: Phase) -> Iterator[None]:
        """Time a phase."""
        self.ended_in = phase
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[phase] = time.monotonic() - start


def lead(supervisor: Supervisor, load: Load, course: Course | None = None) -> Course:
    """Take the shards through the phases as far as they go, and write down in `course` how far."""
    course = course or Course()
    try:
        with course.in_phase(Phase.START):
            _start(supervisor)
        with course.in_phase(Phase.CONNECT):
            supervisor.connect()
        _prove_round(supervisor, course, 1)
        if load.rounds > 1:
            with course.in_phase(Phase.HOLD):
                course.talking = supervisor.hold(load.hold, load.messages)
            _prove_round(supervisor, course, 2)
    except OutOfTime:
        course.in_time = False
    except Interrupted as error:
        course.interrupted = error.signum
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
