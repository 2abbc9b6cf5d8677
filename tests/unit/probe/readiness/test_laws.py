"""The law of a call's cost, and what is predicted from it."""

from __future__ import annotations

import pytest

from tunekit.probe.readiness.laws import Line, least_squares, line, predict
from tunekit.probe.readiness.model import Cell, Mechanism, Wait


def called(mechanism: Mechanism, wait: Wait, descriptors: int, active: int) -> Cell:
    return Cell(
        name="readiness.wait",
        mechanism=mechanism,
        wait=wait,
        descriptors=descriptors,
        active=active,
    )


def test_a_straight_line_is_found_with_no_error() -> None:
    found = line([(10, 13.0), (100, 103.0), (1000, 1003.0)])

    assert found is not None
    assert found.start == pytest.approx(3.0)
    assert found.slope == pytest.approx(1.0)
    assert found.error == pytest.approx(0.0, abs=1e-9)


def test_two_points_make_no_line_with_an_error() -> None:
    assert line([(1, 1.0), (2, 2.0)]) is None


@pytest.mark.parametrize(
    ("slope", "error", "flat"), [(0.5, 0.3, True), (-0.5, 0.3, True), (0.7, 0.3, False)]
)
def test_a_slope_within_two_errors_is_flat(slope: float, error: float, flat: bool) -> None:
    assert Line(start=1.0, slope=slope, error=error).is_flat is flat


def test_what_does_not_decide_gives_nothing() -> None:
    assert least_squares([((1.0, 2.0), 3.0), ((1.0, 2.0), 3.1)]) is None
    assert least_squares([]) is None


def test_a_figure_is_predicted_from_the_others_alone() -> None:
    law = {
        called(Mechanism.POLL, Wait.BLOCKING, size, active): (
            1e-6 + 1e-7 * size + 1e-8 * active + 5e-8 * size / (active + 1)
        )
        for size in (10, 30, 100, 300, 1000, 10_000)
        for active in (1, size // 10, size)
    }
    beyond = called(Mechanism.POLL, Wait.BLOCKING, 10_000, 1)
    expected = law[beyond]
    odd = called(Mechanism.POLL, Wait.BLOCKING, 100, 10)

    assert predict(law | {beyond: 1.0})[beyond] == pytest.approx(expected)
    assert predict(law | {odd: 1.0})[odd] == pytest.approx(law[odd])


def test_figures_of_another_mechanism_do_not_count() -> None:
    cells = {called(Mechanism.LEVEL, Wait.NOW, size, 1): 1e-6 for size in (10, 100, 1000)} | {
        called(Mechanism.EDGE, Wait.NOW, 10, 1): 2e-6
    }

    assert called(Mechanism.EDGE, Wait.NOW, 10, 1) not in predict(cells)
