"""The parts of a study of socket buffers, and what each hands back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tunekit.probe.model import Measurement


class Part(Enum):
    """What can be asked for by itself; the value is its name on the command line."""

    GRANTED = "granted"
    FILL = "fill"
    MEANING = "meaning"
    STRATEGIES = "strategies"
    DISTANCE = "distance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a part measured, what that says in words, and remarks that stop nothing."""

    measurements: tuple[Measurement, ...] = ()
    sentences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
