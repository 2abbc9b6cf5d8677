"""Readiness is measured with real sockets, and nothing is left of it."""

from __future__ import annotations

import os
import resource
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunekit.engine.interrupts import Guard
from tunekit.errors import Interrupted, ProbeRefused
from tunekit.kernel import counters, footprint
from tunekit.probe.load import Family
from tunekit.probe.model import Measurement
from tunekit.probe.readiness.ends import opened
from tunekit.probe.readiness.measure import Outcome, measure
from tunekit.probe.readiness.model import Mechanism, Study

SMALL = Study(descriptors=(10, 40), passes=2, rounds=3, per_connection=(8,))


def look_away(text: str) -> None:
    """Hear nothing."""


def named(outcome: Outcome, name: str, **parameters: object) -> list[Measurement]:
    return [
        row
        for row in outcome.measurements
        if row.name == f"readiness.{name}"
        and all(row.parameters.get(key) == value for key, value in parameters.items())
    ]


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """What is open, running and limited before is so afterwards."""

    def state() -> tuple[object, ...]:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
        return (
            sorted(each.name for each in Path("/proc/self/fd").iterdir()),
            children,
            resource.getrlimit(resource.RLIMIT_NOFILE),
            os.sched_getaffinity(0),
            counters.sockstat().get("TCP.tw"),
        )

    before = state()
    yield
    assert state() == before


@pytest.mark.parametrize("family", [Family.INET, Family.INET6, Family.UNIX])
def test_every_mechanism_is_measured_at_every_size(family: Family) -> None:
    outcome = measure(SMALL, [family], observe=look_away, seed=1)

    for mechanism in ("select", "poll", "epoll", "epoll-et"):
        for timeout in ("zero", "none"):
            rows = named(outcome, "wait", mechanism=mechanism, timeout=timeout)
            assert [(row.parameters["descriptors"], row.parameters["active"]) for row in rows] == [
                (10, 1),
                (10, 10),
                (40, 1),
                (40, 4),
                (40, 40),
            ]
            assert all(len(row.samples) == SMALL.samples for row in rows)
    for name in ("register", "modify", "remove"):
        rows = named(outcome, name)
        assert [row.parameters["descriptors"] for row in rows] == [10, 40]
        assert all(row.measured and row.measured > 0 for row in rows)
    for mechanism in ("poll", "epoll", "thread", "process"):
        rows = named(outcome, "echo", mechanism=mechanism)
        assert [row.parameters["active"] for row in rows] == [1, 8]
        assert all(row.measured and row.measured > 0 for row in rows)
    for mechanism in ("thread", "process"):
        (memory,) = named(outcome, "memory", mechanism=mechanism)
        assert memory.measured is not None
        assert memory.measured >= 16384
    (call,) = named(outcome, "wait", mechanism="poll", timeout="none", descriptors=40, active=40)
    (event,) = named(outcome, "event", mechanism="poll", descriptors=40, active=40)
    assert call.measured is not None
    assert event.measured is not None
    assert event.measured > call.measured / 40 > 0


@pytest.mark.usefixtures("nothing_left")
def test_nothing_is_left_open() -> None:
    measure(SMALL, [Family.INET], observe=look_away)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("step", range(7))
def test_an_interrupt_leaves_nothing(step: int) -> None:
    told: list[str] = []

    def interrupt(text: str) -> None:
        told.append(text)
        if len(told) == step + 1:
            signal.raise_signal(signal.SIGTERM)

    with Guard() as guard, guard.raising(), pytest.raises(Interrupted):
        measure(SMALL, [Family.INET], observe=interrupt)
    assert len(told) == step + 1


@pytest.mark.usefixtures("nothing_left")
def test_a_limit_of_descriptors_shortens_the_ladder() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_now = len(list(Path("/proc/self/fd").iterdir()))
    study = Study(descriptors=(10, 400, 800), passes=1, rounds=2, per_connection=())
    child = os.fork()
    if child == 0:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + 50, open_now + 100))
            outcome = measure(study, [Family.UNIX], observe=look_away)
            sizes = {row.parameters["descriptors"] for row in named(outcome, "wait")}
            assert len(sizes) == 2
            assert any("in place of 400, 800: nofile allows" in note for note in outcome.notes)
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)


def test_a_budget_of_memory_is_kept() -> None:
    study = Study(descriptors=(10,), passes=1, rounds=2, per_connection=(2,), memory_share=2e-4)
    outcome = measure(study, [Family.UNIX], observe=look_away)
    small = Study(descriptors=(2,), passes=1, rounds=2, per_connection=(2,), memory_share=1e-6)
    refused = [
        row
        for row in measure(small, [Family.UNIX], observe=look_away).measurements
        if row.measured is None
    ]
    assert not [each for each in outcome.notes if "in place of" in each]
    assert {row.parameters["mechanism"] for row in refused} == {"thread", "process"}
    assert all("MiB may be taken" in row.note for row in refused)


def test_a_far_process_that_is_killed_is_said() -> None:
    with opened(Family.UNIX, 4, cpu=min(os.sched_getaffinity(0)), ports=28_000) as ends:
        os.kill(ends.far.pid, signal.SIGKILL)
        with pytest.raises(ProbeRefused, match="the far ends are gone: their process was killed"):
            ends.rouse([0])


def test_processes_of_a_server_end_with_it() -> None:
    watched = []
    with opened(Family.UNIX, 4, cpu=min(os.sched_getaffinity(0)), ports=28_000) as ends:
        ends.serve(Mechanism.PROCESS)
        children = footprint.children(ends.far.pid)
        assert len(children) == 4
        watched = [os.pidfd_open(each) for each in children]
    # A pidfd is readable once its process is gone.
    for each in watched:
        assert select.select([each], [], [], 10)[0] == [each]
        os.close(each)
