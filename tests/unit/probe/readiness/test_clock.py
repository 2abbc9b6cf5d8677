"""Times are those of a quick processor, though it is slow at times."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

import pytest

from tunekit.probe.readiness.clock import Clock, Part, Pulse


class Scripted(Clock):
    """A clock whose processor is as quick as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.script: Iterator[float] = iter(())
        self._best = dict.fromkeys(Pulse, 100.0)

    def _beat(self, pulse: Pulse) -> float:
        return next(self.script, 100.0)


@pytest.fixture
def clock() -> Iterator[Scripted]:
    with Scripted() as made:
        yield made


def seven() -> int:
    return 7


def test_a_slow_stretch_is_scaled_to_the_best_speed(clock: Scripted) -> None:
    assert clock.at_best((Part(3.0, 150.0, 150.0, Pulse.SCAN),)) == pytest.approx(2.0)


def test_one_that_became_slow_is_scaled_by_both_pulses(clock: Scripted) -> None:
    assert clock.at_best((Part(3.0, 100.0, 200.0, Pulse.SCAN),)) == pytest.approx(2.0)


def test_a_stretch_at_nearly_the_best_speed_is_left_as_it_is(clock: Scripted) -> None:
    assert clock.at_best((Part(3.0, 105.0, 102.0, Pulse.SCAN),)) == 3.0


def test_each_part_of_a_sample_is_scaled_by_its_own_pulse(clock: Scripted) -> None:
    clock._best[Pulse.CALLS] = 50.0
    parts = (Part(3.0, 100.0, 100.0, Pulse.CALLS), Part(1.0, 100.0, 100.0, Pulse.SCAN))
    assert clock.at_best(parts) == pytest.approx(2.5)


@pytest.mark.parametrize("beats", [(100.0, 180.0), (180.0, 100.0)])
def test_a_pulse_on_each_side_can_tell_that_it_was_slow(
    clock: Scripted, beats: tuple[float, float]
) -> None:
    clock.script = iter(beats)
    part, found = clock.time(seven)
    assert (part.before, part.after, found) == (*beats, 7)
    assert clock.is_slow(part)


def test_a_quick_stretch_is_not_tried_again(clock: Scripted) -> None:
    clock.patience = 10.0
    part, _ = clock.time(seven)
    assert not clock.retries(part)
    assert clock.patience == 10.0


def test_a_slow_stretch_is_tried_again_once_the_processor_is_quick(clock: Scripted) -> None:
    clock.patience = 10.0
    clock.script = iter((150.0, 150.0, 150.0, 150.0, 100.0, 150.0))
    part, _ = clock.time(seven)
    assert clock.retries(part)
    assert list(clock.script) == [150.0]
    assert 0.0 < clock.patience < 10.0


def test_without_patience_a_slow_stretch_is_taken(clock: Scripted) -> None:
    clock.script = iter((150.0, 150.0))
    part, _ = clock.time(seven)
    assert not clock.retries(part)


def test_patience_ends_while_the_processor_stays_slow(clock: Scripted) -> None:
    clock.patience = 0.01
    clock.script = repeat(150.0)
    part, _ = clock.time(seven)
    assert not clock.retries(part)
    assert clock.patience < 0.01


def test_what_comes_before_each_call_is_done_before_each(clock: Scripted) -> None:
    done: list[str] = []

    def call() -> int:
        done.append("call")
        return len(done)

    _, found = clock.time_apart(lambda calls: done.append("prepare"), call, 3, Pulse.CALLS)
    assert done[:6] == ["prepare", "call"] * 3
    assert found == 6
    assert "call" not in done[6:]
