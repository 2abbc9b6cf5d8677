"""Judging and meeting a requirement: the arithmetic of "at least as generous".

Pure functions of a value, a requirement and what the catalogue knows of the key.
"""

from __future__ import annotations

from collections.abc import Iterable

from tunekit.catalog.model import Direction, Tunable
from tunekit.errors import InvalidValue
from tunekit.profile.model import Mode, Requirement
from tunekit.values import Numbers, Ports, SysctlValue


def is_met(value: SysctlValue, requirement: Requirement, tunable: Tunable | None) -> bool:
    """Tell whether a value already is what the requirement asks for."""
    return meet(value, requirement, tunable) == value


def all_met(
    value: SysctlValue, requirements: Iterable[Requirement], tunable: Tunable | None
) -> bool:
    """Tell whether a value meets every requirement."""
    return all(is_met(value, requirement, tunable) for requirement in requirements)


def meet_all(
    value: SysctlValue, requirements: Iterable[Requirement], tunable: Tunable | None
) -> SysctlValue:
    """The value nearest to the given one that meets the requirements, the last one winning."""
    for requirement in requirements:
        value = meet(value, requirement, tunable)
    return value


def meet(value: SysctlValue, requirement: Requirement, tunable: Tunable | None) -> SysctlValue:
    """The value nearest to the given one that meets a requirement.

    A value that is already more generous than an `at_least`, or less than an `at_most`, is
    returned as it is. Raises InvalidValue where value and requirement have different shapes.
    """
    wanted = requirement.wanted
    if isinstance(wanted, tuple):
        if not isinstance(value, Numbers) or len(value.fields) != len(wanted):
            raise InvalidValue(
                f"the kernel's value {str(value)!r} does not have the {len(wanted)} field(s) wanted"
            )
        return Numbers(
            tuple(
                have if want is None else _meet_number(have, want, requirement.mode, tunable, i)
                for i, (have, want) in enumerate(zip(value.fields, wanted, strict=True))
            )
        )
    if isinstance(wanted, Ports) and isinstance(value, Ports):
        if requirement.mode is Mode.AT_LEAST:
            return value.union(wanted)
        if requirement.mode is Mode.AT_MOST:
            return value.intersection(wanted)
    return wanted


def generosity(number: int, tunable: Tunable | None, index: int) -> tuple[bool, int]:
    """Rank a number of one field: the greater the rank, the more generous.

    The first element tells "no limit" apart; integers stay integers, since 2^63-1 does not
    survive a float.
    """
    if tunable is None:
        return False, number
    if number in tunable.unlimited:
        return True, 0
    direction = tunable.fields[min(index, len(tunable.fields) - 1)].direction
    return False, -number if direction is Direction.DOWN else number


def _meet_number(have: int, want: int, mode: Mode, tunable: Tunable | None, index: int) -> int:
    if mode is Mode.EXACTLY:
        return want
    has, wants = generosity(have, tunable, index), generosity(want, tunable, index)
    holds = has >= wants if mode is Mode.AT_LEAST else has <= wants
    return have if holds else want
