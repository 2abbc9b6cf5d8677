"""What is made of a load's figures."""

from __future__ import annotations

from tunekit.probe import outcome
from tunekit.probe.look import Look


def test_memory_is_told_a_connection_by_slab_and_by_what_is_available() -> None:
    before = Look(slab=1_000_000, available=9_000_000)
    loaded = Look(slab=2_000_000, available=7_500_000)
    found = [
        (one.parameters["by"], one.measured, one.predicted, one.unit)
        for one in outcome.memory(before, loaded, 100, each=10_500)
    ]
    assert found == [("slab", 10_000, 10_500, "B"), ("available", 15_000, None, "B")]


def test_memory_that_is_not_shown_is_left_out() -> None:
    assert outcome.memory(Look(), Look(), 100) == []
