"""Latencies keep their order and come back a sixteenth too high at most."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.probe.histogram import CELLS, Histogram


def test_an_empty_histogram_has_no_quantile() -> None:
    empty = Histogram()
    assert (empty.count, empty.maximum, empty.quantile(0.5)) == (0, 0, None)


def test_small_durations_are_exact() -> None:
    histogram = Histogram()
    histogram.extend(range(32))
    assert [histogram.quantile((n + 1) / 32) for n in range(32)] == list(range(32))


def test_the_maximum_is_exact() -> None:
    histogram = Histogram()
    histogram.extend([1_000_003, 17])
    assert histogram.maximum == 1_000_003
    assert histogram.quantile(1.0) == 1_000_003


@given(st.lists(st.integers(0, 1 << 42), min_size=1), st.floats(0.01, 1.0))
def test_a_quantile_is_never_below_the_truth_and_little_above(
    durations: list[int], share: float
) -> None:
    histogram = Histogram()
    histogram.extend(durations)
    rank = max(1, -int(-share * len(durations) // 1))
    truth = sorted(durations)[rank - 1]
    found = histogram.quantile(share)
    assert found is not None
    assert truth <= found <= truth * 17 / 16 + 1


def test_what_lasts_longer_than_the_last_bucket_is_counted() -> None:
    histogram = Histogram()
    histogram.extend([1 << 60])
    assert (histogram.count, histogram.maximum) == (1, 1 << 60)


@given(st.lists(st.integers(0, 1 << 42)), st.lists(st.integers(0, 1 << 42)))
def test_merging_is_counting_both(left: list[int], right: list[int]) -> None:
    merged, whole, other = Histogram(), Histogram(), Histogram()
    merged.extend(left)
    other.extend(right)
    merged.merge(other)
    whole.extend(left + right)
    assert merged.maximum == whole.maximum
    assert [merged.quantile(q) for q in (0.1, 0.5, 1.0)] == [
        whole.quantile(q) for q in (0.1, 0.5, 1.0)
    ]


@pytest.mark.parametrize("cells", [bytearray(8 * CELLS)])
def test_it_counts_in_memory_of_somebody_else(cells: bytearray) -> None:
    Histogram(memoryview(cells).cast("Q")).extend([5, 5, 7])
    assert Histogram(memoryview(cells).cast("Q")).count == 3
