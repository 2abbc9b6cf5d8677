"""What a probe measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One figure. Quantiles and sizes are `parameters`; every number is in `unit`.

    `requested`, `granted` and `predicted` are None where they have no meaning. `samples` are the
    raw values that `measured` was made from.
    """

    name: str
    measured: float | int | None
    unit: str
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    requested: float | int | None = None
    granted: float | int | None = None
    predicted: float | int | None = None
    samples: tuple[float, ...] = ()
    note: str = ""
