"""What sockperf prints, and what is said when it is not there."""

from __future__ import annotations

import shutil

import pytest

from tunekit.errors import UsageError
from tunekit.probe.readiness import yardstick

OUTPUT = """\
sockperf: Summary: Round trip is 107.761 usec
sockperf: Total 4619 observations; each percentile contains 46.19 observations
sockperf: ---> <MAX> observation = 4037.414
sockperf: ---> percentile 75.000 =  104.101
sockperf: ---> percentile 50.000 =  100.627
sockperf: ---> percentile 25.000 =   98.500
"""


def test_the_median_is_taken_in_seconds() -> None:
    assert yardstick.median_of(OUTPUT) == pytest.approx(100.627e-6)


def test_an_output_without_a_median_has_none() -> None:
    assert yardstick.median_of("sockperf: No valid observations found.\n") is None


def test_that_it_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(UsageError) as caught:
        yardstick.check()
    assert str(caught.value) == (
        "--cross-check: sockperf is not installed; apt-get install sockperf"
    )


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which(yardstick.PROGRAM) is None, reason="no sockperf here: apt-get install sockperf"
)
def test_it_measures_each_mechanism() -> None:
    rows = list(yardstick.measure((4,), observe=lambda text: None))

    assert [row.parameters["mechanism"] for row in rows] == ["select", "poll", "epoll"]
    assert all(row.measured and 1e-6 < row.measured < 1 for row in rows)
