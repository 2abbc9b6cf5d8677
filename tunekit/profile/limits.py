"""What a limit of a profile makes of the limits that a process has. Pure."""

from __future__ import annotations

from dataclasses import replace

from tunekit import catalog
from tunekit.profile.evaluate import RLIMIT_PREFIX
from tunekit.profile.model import Limit, Requirement
from tunekit.profile.requirement import generosity, meet_all
from tunekit.values import Kind, Numbers, SysctlValue, parse


def wanted_limit(text: str, limit: Limit) -> Numbers:
    """The soft and hard limit that a process with the present limits `text` should get."""
    value = parse(text, Kind.NUMBERS)
    tunable = catalog.find(RLIMIT_PREFIX + limit.name)
    wanted = meet_all(value, for_both(limit.requirements), tunable)
    fitted = fit_soft_limit(wanted, RLIMIT_PREFIX + limit.name)
    assert isinstance(fitted, Numbers), fitted
    return fitted


def fit_soft_limit(value: SysctlValue, name: str) -> SysctlValue:
    """Raise a hard limit to its soft one, since setrlimit(2) answers EINVAL to a soft limit above
    it; what is no resource limit is returned as it is.
    """
    if not name.startswith(RLIMIT_PREFIX) or not isinstance(value, Numbers):
        return value
    tunable = catalog.find(name)
    soft, hard = value.fields
    raised = generosity(soft, tunable, 0) > generosity(hard, tunable, 1)
    return Numbers((soft, soft if raised else hard))


def limit_text(limit: Limit) -> str:
    """What a limit asks for, in words; one number where soft and hard are the same."""
    return "; ".join(
        str(replace(requirement, wanted=requirement.wanted[:1]))
        if isinstance(requirement.wanted, tuple) and len(set(requirement.wanted)) == 1
        else str(requirement)
        for requirement in limit.requirements
    )


def for_both(requirements: tuple[Requirement, ...]) -> tuple[Requirement, ...]:
    """Spread each one-number requirement over the soft and the hard limit."""
    return tuple(
        replace(requirement, wanted=requirement.wanted * 2)
        if isinstance(requirement.wanted, tuple) and len(requirement.wanted) == 1
        else requirement
        for requirement in requirements
    )
