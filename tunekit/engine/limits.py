"""Planning resource limits of running processes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from tunekit import catalog
from tunekit.engine.model import Change, Claim, Outcome, Plan
from tunekit.engine.scope import limit_subject
from tunekit.kernel.readings import Value
from tunekit.kernel.snapshot import NR_OPEN, Snapshot
from tunekit.profile.evaluate import RLIMIT_PREFIX
from tunekit.profile.limits import for_both, limit_text, wanted_limit
from tunekit.profile.model import Profile
from tunekit.profile.requirement import generosity
from tunekit.records import dataclass
from tunekit.values import Kind, Numbers, parse

CAP_SYS_RESOURCE = "cap_sys_resource"


def plan_limits(
    profile: Profile,
    snapshot: Snapshot,
    processes: Mapping[tuple[int, int], Mapping[str, str]],
    nr_open: int | None,
) -> Plan:
    """Plan the profile's limits for each process; `nr_open` is what fs.nr_open will be."""
    writes: list[Change] = []
    settled: list[Change] = []
    blocked: list[Change] = []
    claims: list[Claim] = []
    for (pid, start_time), present in processes.items():
        for limit in profile.limits:
            subject = limit_subject(limit.name, snapshot.host, pid, start_time)
            before = parse(present[limit.name], Kind.NUMBERS)
            assert isinstance(before, Numbers), before
            after = wanted_limit(present[limit.name], limit)
            claim = Claim(subject=subject, requirements=for_both(limit.requirements))
            row = Change(
                subject=subject,
                before=str(before),
                wanted=str(after),
                target=str(after),
                outcome=Outcome.PLANNED,
                requirement=limit_text(limit),
                reason=limit.reason,
                source=limit.source,
                detail=f"process {pid}",
                optional=limit.optional,
                location=limit.location,
            )
            if before == after:
                claims.append(claim)
                settled.append(replace(row, outcome=Outcome.UNCHANGED, after=str(before)))
            elif problem := (
                obstacle(limit.name, before, after, snapshot, nr_open)
                or _no_way_back(limit.name, before, after, snapshot)
            ):
                refused = replace(row, outcome=Outcome.DENIED, detail=problem[0], remedy=problem[1])
                (settled if limit.optional else blocked).append(refused)
            else:
                claims.append(claim)
                writes.append(row)
    return Plan(
        writes=tuple(writes),
        settled=tuple(settled),
        blocked=tuple(blocked),
        claims=tuple(claims),
    )


def obstacle(
    name: str, before: Numbers, after: Numbers, snapshot: Snapshot, nr_open: int | None
) -> tuple[str, str] | None:
    """Why the kernel would refuse a limit, and the remedy (do_prlimit in kernel/sys.c)."""
    tunable = catalog.find(RLIMIT_PREFIX + name)
    hard = after.fields[1]
    if name == "nofile" and nr_open is not None and (hard < 0 or hard > nr_open):
        shown = "unlimited" if hard < 0 else str(hard)
        return (
            f"a hard nofile of {shown} is above fs.nr_open ({nr_open}), which even root may not "
            f"pass",
            f"add fs.nr_open: {{at_least: {shown}}} to the profile, or ask for less",
        )
    raises = generosity(hard, tunable, 1) > generosity(before.fields[1], tunable, 1)
    if raises and CAP_SYS_RESOURCE not in snapshot.host.capabilities:
        return (
            f"raising the hard {name} above {before.fields[1]} needs CAP_SYS_RESOURCE",
            "run as root on the host (a container may lack the capability), or ask for at most "
            f"{before.fields[1]}",
        )
    return None


def _no_way_back(
    name: str, before: Numbers, after: Numbers, snapshot: Snapshot
) -> tuple[str, str] | None:
    """Why a limit of a running process could not be put back, and the remedy."""
    tunable = catalog.find(RLIMIT_PREFIX + name)
    lowers = generosity(after.fields[1], tunable, 1) < generosity(before.fields[1], tunable, 1)
    if not lowers or CAP_SYS_RESOURCE in snapshot.host.capabilities:
        return None
    return (
        f"the hard {name} could be lowered, but not raised again without CAP_SYS_RESOURCE",
        "run as root on the host, or start the process with `tunekit run`",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """A limit of which a process started from here would get too little.

    `obstacle` is why it could not be raised here, and the remedy; None when it can be.
    """

    name: str
    present: str
    wanted: str
    obstacle: tuple[str, str] | None


def shortfalls(profile: Profile, snapshot: Snapshot, plan: Plan) -> Iterator[Shortfall]:
    """Find the limits of which a process started from here would get too little, once a plan is
    carried out.
    """
    raised = [change.target for change in plan.writes if change.key == str(NR_OPEN)]
    nr_open = raised[0] if raised else snapshot.text(NR_OPEN)
    for limit in profile.limits:
        reading = snapshot.limits.get(limit.name)
        if not isinstance(reading, Value):
            continue
        present = parse(reading.text, Kind.NUMBERS)
        wanted = wanted_limit(reading.text, limit)
        if wanted == present:
            continue
        assert isinstance(present, Numbers), present
        yield Shortfall(
            name=limit.name,
            present=":".join(map(_limit_text, present.fields)),
            wanted=":".join(map(_limit_text, wanted.fields)),
            obstacle=obstacle(
                limit.name, present, wanted, snapshot, int(nr_open) if nr_open else None
            ),
        )


def _limit_text(number: int) -> str:
    return "unlimited" if number < 0 else str(number)
