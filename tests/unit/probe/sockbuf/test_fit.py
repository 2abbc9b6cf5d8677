"""Rules that do not fit a kernel are said not to, instead of showing what they say."""

from __future__ import annotations

from tunekit.probe.model import Measurement
from tunekit.probe.sockbuf import fit


def accepted(measured: int, predicted: int) -> Measurement:
    return Measurement(
        name="sockbuf.accepted",
        measured=measured,
        predicted=predicted,
        unit="B",
        parameters={"segment": 1000},
    )


def unread(predicted: int) -> Measurement:
    return Measurement(name="sockbuf.unread", measured=1, predicted=predicted, unit="B")


def test_forecasts_that_fit_are_kept() -> None:
    rows = [accepted(100_000, 101_000) for _ in range(9)]
    assert fit.judged([*rows, unread(2)]) == (*rows, unread(2))
    assert not fit.misfits(rows)


def test_one_pair_that_is_off_does_not_condemn_the_rules() -> None:
    rows = [accepted(100_000, 100_000) for _ in range(9)] + [accepted(100_000, 50_000)]
    assert fit.judged(rows) == tuple(rows)


def test_one_segment_of_a_buffer_that_holds_but_a_few_is_near_enough() -> None:
    rows = [accepted(5000, 4000)]
    assert fit.judged(rows) == tuple(rows)


def test_forecasts_of_another_kernel_are_left_out_and_said_to_be() -> None:
    rows = fit.judged([accepted(100_000, 60_000) for _ in range(4)] + [unread(2)])
    assert {row.predicted for row in rows} == {None}
    assert rows[0].note == "the rules do not fit this kernel: they said 60000"
    assert rows[-1].note == "the rules do not fit this kernel: they said 2"
    assert fit.misfits(rows)


def test_what_was_granted_is_judged_by_itself() -> None:
    granted = Measurement(name="sockbuf.granted", measured=1, predicted=2, unit="B")
    assert granted in fit.judged([accepted(100_000, 1), granted])


def test_nothing_foretold_is_nothing_to_judge() -> None:
    assert fit.of([Measurement(name="sockbuf.accepted", measured=1, unit="B")]) is None
