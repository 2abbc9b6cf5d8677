"""Figures as a person reads them."""

from __future__ import annotations

import pytest

from tunekit.report.quantities import quantity


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (None, "s", "-"),
        (0, "s", "0 s"),
        (2.05e-05, "s", "20.5 us"),
        (0.000131, "s", "131 us"),
        (0.0824, "s", "82.4 ms"),
        (1.5, "s", "1.50 s"),
        (3.2e-8, "s", "32.0 ns"),
        (3.94e-06, "s/connection", "3.94 us/connection"),
        (24920.23, "1/s", "24,920/s"),
        (10000, "1", "10000"),
        (0, "1", "0"),
        (8694.17, "B", "8,694 B"),
        (131072, "B", "128 KiB"),
        (86364160, "B", "82.4 MiB"),
        (2**34, "B", "16.0 GiB"),
        (42, "%", "42 %"),
        (-0.002, "s", "-2.00 ms"),
    ],
)
def test_a_quantity_keeps_three_digits_and_a_fitting_unit(
    number: float | None, unit: str, text: str
) -> None:
    assert quantity(number, unit) == text
