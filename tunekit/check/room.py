"""Is there room for the connections that the profile promises?

One ladder of limits (`tunekit.check.service`), judged by three checks: control groups and
connection tracking have other owners than the rest, and are skipped or waived apart from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tunekit.check.facts import Facts
from tunekit.check.ladder import Forecast, Rung
from tunekit.check.model import Finding, Status
from tunekit.check.service import Role, Service, forecast
from tunekit.kernel.readings import Value

_MEMORY_GROUP = "memory cgroup"
_CONNTRACK = "net.netfilter.nf_conntrack_max"
_NEARLY_FULL = 0.9
_OTHER_TASKS = 16


def check(facts: Facts) -> Iterator[Finding]:
    """Judge every limit between this host and the connections, but for those with a check of
    their own.
    """
    ladder = _ladder(facts)
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
        if rung.limit not in (_MEMORY_GROUP, _CONNTRACK):
            yield judge(rung, ladder.wanted, check="capacity", enter=facts.enter)


def of_groups(facts: Facts) -> Iterator[Finding]:
    """Judge the limits of the control groups above this process."""
    row = Finding(
        check="cgroup",
        status=Status.UNKNOWN,
        subject=_MEMORY_GROUP,
        expected="room for the service",
        observed="the control groups of this process are not shown here",
        reason="past its limits a group's processes are killed, or cannot be started",
        remedy="mount /sys/fs/cgroup",
    )
    if not facts.groups_shown:
        yield row
        return
    ladder = _ladder(facts)
    memory = facts.capacity.cgroup_memory
    unlimited = replace(row, status=Status.PASS, observed="no group limits it", remedy="")
    if memory is None:
        yield unlimited
    elif ladder is not None:
        yield from (
            judge(rung, ladder.wanted, check="cgroup")
            for rung in ladder.rungs
            if rung.limit == _MEMORY_GROUP
        )
    else:
        full = memory.used > _NEARLY_FULL * memory.limit
        yield replace(
            row,
            status=Status.WARN if full else Status.PASS,
            observed=f"{memory.used} of {memory.limit} bytes in use",
            remedy=f"raise {memory.path}" if full else "",
        )
    yield _tasks(replace(unlimited, subject="pids cgroup"), facts)


def _tasks(row: Finding, facts: Facts) -> Finding:
    limit = facts.capacity.cgroup_pids
    if limit is None:
        return row
    needed = facts.profile.variables.get("processes", 1) + _OTHER_TASKS
    row = replace(
        row,
        expected=f"room for {needed} tasks",
        observed=f"{limit.left} left ({limit.limit}, {limit.used} in use)",
    )
    if limit.left >= needed:
        return row
    return replace(row, status=Status.FAIL, remedy=f"echo {limit.used + 2 * needed} > {limit.path}")


def of_conntrack(facts: Facts) -> Iterator[Finding]:
    """Judge the table of tracked connections."""
    row = Finding(
        check="conntrack",
        status=Status.SKIP,
        subject=_CONNTRACK,
        observed="connections are not tracked here",
        reason="when the table is full, the first packet of a connection is lost without a word",
    )
    maximum, count = facts.capacity.conntrack_max, facts.capacity.conntrack_count
    if not maximum:
        yield row
    elif count is None:
        yield replace(
            row,
            status=Status.UNKNOWN,
            observed=f"how much of {maximum} is in use is not shown here",
            remedy="run as root, in the host's network namespace",
        )
    elif (ladder := _ladder(facts)) is not None:
        for rung in ladder.rungs:
            if rung.limit == _CONNTRACK:
                yield judge(rung, ladder.wanted, check="conntrack", enter=facts.enter)
    else:
        full = count > _NEARLY_FULL * maximum
        yield replace(
            row,
            status=Status.WARN if full else Status.PASS,
            expected="room in the table",
            observed=f"{count} of {maximum} in use",
            remedy=f"{facts.enter}sysctl -w {_CONNTRACK}={2 * maximum}" if full else "",
        )


def _ladder(facts: Facts) -> Forecast | None:
    """The ladder for the connections of the profile; None when it promises none.

    The service has as many processes as the profile's variable says, and the limits that arrive.
    """
    probe = facts.profile.probe
    if probe is None:
        return None
    reading = facts.arriving.limits.get("nofile")
    service = Service(
        role=Role.SERVER,
        connections=probe.connections,
        processes=max(1, facts.profile.variables.get("processes", 1)),
        nofile=int(reading.text.split()[0]) if isinstance(reading, Value) else None,
    )
    return forecast(service, facts.capacity)


def judge(rung: Rung, wanted: int, *, check: str, enter: str = "") -> Finding:
    """Judge one limit against the connections that are wanted of it.

    `enter` is what a command is prefixed with that sets a key of the network namespace.
    """
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
        remedy=(enter if rung.limit.startswith("net.") else "") + rung.remedy
        if status is Status.FAIL
        else "",
    )
