"""Which sizes are tried, with how many active."""

from __future__ import annotations

import pytest

from tunekit.errors import UsageError
from tunekit.probe.readiness.limits import Ceiling, cut
from tunekit.probe.readiness.model import SHARES, active_counts, study


@pytest.mark.parametrize(
    ("descriptors", "counts"),
    [(1, (1,)), (10, (1, 10)), (30, (1, 3, 30)), (1000, (1, 10, 100, 1000))],
)
def test_shares_that_are_alike_are_tried_once(descriptors: int, counts: tuple[int, ...]) -> None:
    assert active_counts(descriptors, SHARES) == counts


@pytest.mark.parametrize(("rounds", "quick"), [(25, False), (28, True), (101, False)])
def test_a_study_has_the_rounds_that_are_asked_for(rounds: int, quick: bool) -> None:
    assert study(rounds=rounds, quick=quick).samples >= rounds


def test_sizes_are_sorted_and_each_is_tried_once() -> None:
    assert study(descriptors=[100, 10, 100]).descriptors == (10, 100)


def test_no_descriptor_is_no_size() -> None:
    with pytest.raises(UsageError, match="fewer than one descriptor"):
        study(descriptors=[0, 10])


def test_sizes_that_do_not_fit_give_way_to_the_ceiling() -> None:
    top = Ceiling(most=500, why="nofile allows 532 descriptors")
    assert cut((10, 1000, 3000), top) == (
        (10, 500),
        "500 descriptors in place of 1000, 3000: nofile allows 532 descriptors",
    )
    assert cut((10, 100), top) == ((10, 100), "")


def test_nothing_fits_under_no_ceiling() -> None:
    assert cut((10,), Ceiling(most=-5, why="full"))[0] == ()


@pytest.mark.parametrize(
    ("descriptors", "served"), [([10, 30], (30,)), ([500], (100,)), (None, (100, 1000, 2000))]
)
def test_no_more_connections_are_served_than_are_watched(
    descriptors: list[int] | None, served: tuple[int, ...]
) -> None:
    assert study(descriptors=descriptors).per_connection == served
