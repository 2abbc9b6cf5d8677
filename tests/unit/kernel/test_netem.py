"""What tc is told."""

from __future__ import annotations

from tunekit.kernel.netem import arguments


def test_half_a_round_trip_and_a_rate_in_bits() -> None:
    assert arguments(seconds=0.01, rate=50e6) == (
        "netem",
        "limit",
        "100000",
        "delay",
        "10000us",
        "rate",
        "400000000bit",
    )


def test_a_path_without_a_rate_is_only_delayed() -> None:
    assert arguments(seconds=0.0005, rate=None)[-2:] == ("delay", "500us")
