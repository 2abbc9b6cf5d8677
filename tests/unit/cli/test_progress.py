"""What is said meanwhile: once every few seconds to a log, live to a terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tunekit.cli.output import Look
from tunekit.cli.progress import Narrator, describe
from tunekit.engine.model import Change, Outcome, Plan, ScopeId, Subject
from tunekit.probe.load import Phase, Progress

HALF = Progress(
    phase=Phase.CONNECT,
    asked=10_000,
    opened=5_000,
    done=5_000,
    rate=12_345.6,
    elapsed=0.4,
    remaining=0.4,
    memory_available=2**34,
    memory_taken=40 * 2**20,
)
LINE = "connect: 5,000 of 10,000 connections, 12,346/s, 0 s left, 40 MiB taken"


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def narrator(
    *, live: bool, clock: Callable[[], float] | None = None, look: Look | None = None
) -> tuple[Narrator, list[str]]:
    written: list[str] = []
    return (
        Narrator(
            look or Look(),
            clock=clock or Clock(),
            write=written.append,
            live=live,
            width=lambda: 40,
        ),
        written,
    )


def test_a_load_is_described_in_one_line() -> None:
    assert describe(HALF) == LINE


def test_a_log_gets_a_line_every_few_seconds() -> None:
    clock = Clock()
    observer, written = narrator(live=False, clock=clock)
    with observer:
        for _ in range(120):
            clock.now += 0.1
            observer.progress(HALF)

    assert written == [f"tunekit: {LINE}\n"] * 2


def test_a_terminal_gets_one_line_that_is_rewritten_and_cleared() -> None:
    clock = Clock()
    observer, written = narrator(live=True, clock=clock)
    with observer:
        observer.progress(HALF)
        clock.now += 0.01
        observer.progress(HALF)
        observer.progress(replace(HALF, phase=Phase.PROVE))

    assert written == [
        "\rconnect: 5,000 of 10,000 connections, 1\x1b[K",
        "\rprove: 5,000 of 10,000 connections, 12,\x1b[K",
        "\r\x1b[K",
    ]


def test_a_note_clears_the_live_line_first() -> None:
    observer, written = narrator(live=True)
    observer.progress(HALF)
    observer.note("evil\x1b[2J")

    assert written[1:] == ["\r\x1b[K", "tunekit: evil\\x1b[2J\n"]


def test_a_plan_is_said_in_a_line_and_in_full_when_asked() -> None:
    change = Change(
        subject=Subject(ScopeId("netns", "x"), "net.core.somaxconn"),
        outcome=Outcome.PLANNED,
        before="4096",
        wanted="65535",
    )
    plan = Plan(writes=(change,), settled=(change, change))
    observer, written = narrator(live=False)
    observer.plan(plan)
    assert written == ["tunekit: plan: 1 to write, 2 left as they are\n"]

    observer, written = narrator(live=False, look=Look(verbose=True))
    observer.plan(plan)
    assert written == [
        "tunekit: plan: 1 to write, 2 left as they are\n",
        "tunekit:   net.core.somaxconn: 4096 -> 65535\n",
    ]


def test_quiet_is_quiet() -> None:
    clock = Clock()
    observer, written = narrator(live=True, clock=clock, look=Look(quiet=True))
    with observer:
        observer.note("anything")
        observer.plan(Plan())
        clock.now += 60
        observer.progress(HALF)

    assert written == []
