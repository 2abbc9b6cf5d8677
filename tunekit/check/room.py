"""Is there room for the connections that the profile promises?"""

from __future__ import annotations

from collections.abc import Iterator

from tunekit.check.capacity import Demand, forecast
from tunekit.check.facts import Facts
from tunekit.check.ladder import Forecast, Rung
from tunekit.check.model import Finding, Status

OTHERS = ("memory cgroup", "pids cgroup", "net.netfilter.nf_conntrack_max")
"""The rungs that have a check of their own."""


def check(facts: Facts) -> Iterator[Finding]:
    """Judge every limit between this host and the connections, but for those with a check of
    their own.
    """
    ladder = of(facts)
    if ladder is None:
        yield Finding(
            check="capacity",
            status=Status.SKIP,
            subject="connections",
            observed="the profile promises none",
            remedy="add `probe: {connections: N}` to the profile to have this checked",
        )
        return
    for rung in ladder.rungs:
        if rung.limit not in OTHERS:
            yield judge(rung, ladder.wanted, check="capacity")


def of(facts: Facts) -> Forecast | None:
    """The ladder for the connections of the profile; None when it promises none."""
    probe = facts.profile.probe
    if probe is None:
        return None
    demand = Demand(connections=probe.connections, in_flight=facts.capacity.cpus)
    return forecast(demand, facts.capacity)


def judge(rung: Rung, wanted: int, *, check: str) -> Finding:
    """Judge one limit against the connections that are wanted of it."""
    status = rung.status(wanted)
    observed = rung.why if rung.allows is None else f"allows {rung.allows}"
    used = "" if rung.used is None else f", {rung.used} in use"
    if rung.value is not None:
        observed = f"{observed} ({rung.value}{used})" if observed else f"{rung.value}{used}"
    return Finding(
        check=check,
        status=status,
        subject=rung.limit,
        expected=f"{wanted} connections",
        observed=observed,
        reason=rung.why if rung.allows is not None else "",
        remedy=rung.remedy if status is Status.FAIL else "",
    )
