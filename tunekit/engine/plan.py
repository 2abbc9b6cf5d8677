"""What would be written to make a profile so. Pure: a profile and a snapshot in, a plan out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from tunekit import catalog
from tunekit.catalog.model import Tunable
from tunekit.catalog.validate import needs_allow
from tunekit.engine.limits import plan_limits
from tunekit.engine.model import Change, Claim, Outcome, Plan, Subject
from tunekit.engine.order import Step, arrange
from tunekit.engine.scope import subject_of
from tunekit.errors import InvalidValue, NotAllowed, ProfileError
from tunekit.kernel.readings import Cause, Denied, Elsewhere, Missing, Value
from tunekit.kernel.refusals import words
from tunekit.kernel.snapshot import PORT_RANGE, RESERVED_PORTS, Snapshot
from tunekit.profile.evaluate import chosen, requirement_text, shown, use_instead, value_of
from tunekit.profile.model import Profile, Requirement, Setting
from tunekit.profile.requirement import all_met, meet_all
from tunekit.values import Numbers, Ports, SysctlKey, SysctlValue, written_form


@dataclass(slots=True)
class _Draft:
    """A plan while it is being made."""

    snapshot: Snapshot
    allowed: frozenset[SysctlKey]
    writes: list[Change] = field(default_factory=list)
    steps: dict[Subject, Step] = field(default_factory=dict)
    settled: list[Change] = field(default_factory=list)
    blocked: list[Change] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    modules: dict[str, str] = field(default_factory=dict)
    not_allowed: list[NotAllowed] = field(default_factory=list)


def make(
    profile: Profile,
    snapshot: Snapshot,
    *,
    allow: Collection[SysctlKey] = (),
    processes: Mapping[tuple[int, int], Mapping[str, str]] | None = None,
) -> Plan:
    """Plan a profile against a snapshot.

    `allow` are the keys that the caller allows; a harmful key needs the profile's leave as well.
    `processes` maps the pid and start time of each process that the profile's limits shall be set
    on to its present limits (`SOFT HARD`, by name).

    Raises ProfileError, holding a NotAllowed for each key that can hurt and was not allowed.
    """
    draft = _Draft(snapshot=snapshot, allowed=profile.allow & frozenset(allow))
    for setting in profile.settings:
        _plan_setting(draft, setting)
    if draft.not_allowed:
        raise ProfileError(draft.not_allowed)
    _rewrite_what_others_move(draft)
    _check_invariants(draft)
    draft.warnings += _port_warnings(draft)
    limits = plan_limits(profile, snapshot, processes or {}, _new_nr_open(draft))
    order = {step.subject: i for i, step in enumerate(arrange(list(draft.steps.values())))}
    writes = sorted(draft.writes, key=lambda change: order.get(change.subject, len(order)))
    return Plan(
        writes=(*writes, *limits.writes),
        moved=_moved(draft),
        settled=(*draft.settled, *limits.settled),
        blocked=(*draft.blocked, *limits.blocked),
        claims=(*draft.claims, *limits.claims),
        warnings=tuple(draft.warnings),
        modules=draft.modules,
    )


def _plan_setting(draft: _Draft, setting: Setting) -> None:
    key = setting.key
    tunable = catalog.find(key)
    reading = draft.snapshot.readings[key]
    row = Change(
        subject=subject_of(key, tunable, draft.snapshot.host),
        outcome=Outcome.PLANNED,
        requirement=requirement_text(setting),
        reason=setting.reason or (tunable.summary if tunable else ""),
        source=setting.source,
        optional=setting.optional,
        location=setting.location,
    )
    if not isinstance(reading, Value):
        _put(draft, _unreadable(row, tunable, reading))
        return
    row = replace(row, before=shown(str(key), reading.text))
    try:
        current = value_of(str(key), reading.text)
        requirements = _resolve(draft, setting, current)
        target = meet_all(current, requirements, tunable)
    except InvalidValue as error:
        _put(draft, replace(row, outcome=Outcome.REJECTED, detail=error.message, remedy=error.hint))
        return
    row = replace(row, wanted=shown(str(key), str(target)), target=written_form(target))
    claim = Claim(subject=row.subject, requirements=requirements)
    if not all_met(target, requirements, tunable):
        detail = "its requirements contradict each other"
        _put(draft, replace(row, outcome=Outcome.REJECTED, detail=detail))
    elif target == current:
        draft.claims.append(claim)
        draft.settled.append(replace(row, outcome=Outcome.UNCHANGED, after=row.before))
        draft.steps[row.subject] = Step(row.subject, current, target)
    elif why := _forbidden(draft, key, tunable, target):
        draft.not_allowed.append(
            NotAllowed(
                f"{why}, so it needs `allow: [{key}]` in the profile and --allow {key}",
                key=str(key),
                hint="add both if that is what you want",
                location=setting.location,
            )
        )
    elif cause := draft.snapshot.refusals.get(key):
        _put(draft, _refused(row, cause))
    else:
        draft.claims.append(claim)
        draft.writes.append(row)
        draft.steps[row.subject] = Step(row.subject, current, target)


def _resolve(draft: _Draft, setting: Setting, current: SysctlValue) -> tuple[Requirement, ...]:
    choices = draft.snapshot.choices.get(setting.key, {})
    if not setting.prefer:
        for requirement in setting.requirements:
            name = str(_only(requirement))
            if choices or setting.key in draft.snapshot.choices:
                _refuse_unknown(setting.key, name, choices)
        return setting.requirements
    requirement = chosen(setting, current, choices)
    if module := choices[str(_only(requirement))]:
        draft.modules[str(setting.key)] = module
    return (requirement,)


def _refuse_unknown(key: SysctlKey, name: str, choices: Mapping[str, str]) -> None:
    if name not in choices:
        raise InvalidValue(
            f"{name!r} is not to be had here",
            hint="choose one that is loaded or has a module, and that "
            "net.ipv4.tcp_allowed_congestion_control lists inside a network namespace",
        )


def _only(requirement: Requirement) -> object:
    wanted = requirement.wanted
    return wanted[0] if isinstance(wanted, tuple) else wanted


def _forbidden(
    draft: _Draft, key: SysctlKey, tunable: Tunable | None, target: SysctlValue
) -> str | None:
    return None if key in draft.allowed else needs_allow(key, tunable, target)


def _unreadable(
    row: Change, tunable: Tunable | None, reading: Missing | Denied | Elsewhere
) -> Change:
    if isinstance(reading, Missing):
        cause = Cause.MISSING
        outcome = Outcome.UNSUPPORTED
    elif isinstance(reading, Elsewhere):
        cause = Cause.ELSEWHERE
        outcome = Outcome.ELSEWHERE
    else:
        cause = reading.cause
        outcome = Outcome.DENIED
    detail, remedy = words(cause)
    if cause is Cause.MISSING and tunable is not None:
        if tunable.replacement:
            remedy = use_instead(tunable)
        elif tunable.module:
            remedy = f"load its module first: modprobe {tunable.module}"
    return replace(row, outcome=outcome, detail=detail, remedy=remedy)


def _refused(row: Change, cause: Cause) -> Change:
    outcome = Outcome.ELSEWHERE if cause is Cause.ELSEWHERE else Outcome.DENIED
    detail, remedy = words(cause)
    return replace(row, outcome=outcome, detail=detail, remedy=remedy)


def _put(draft: _Draft, row: Change) -> None:
    """File a row that cannot be written: an optional one is reported, another one blocks."""
    (draft.settled if row.optional else draft.blocked).append(row)


def _rewrite_what_others_move(draft: _Draft) -> None:
    """Plan again, after its mover, each setting that holds now and that a write would reset."""
    moved = {
        str(partner)
        for change in draft.writes
        for partner in draft.snapshot.partners.get(SysctlKey.parse(change.key), ())
    }
    for change in [row for row in draft.settled if row.outcome is Outcome.UNCHANGED]:
        if change.key in moved and change.subject in draft.steps:
            draft.settled.remove(change)
            draft.writes.append(replace(change, outcome=Outcome.PLANNED, after=None))
    planned = {change.subject for change in draft.writes}
    for subject in [subject for subject in draft.steps if subject not in planned]:
        del draft.steps[subject]


def _moved(draft: _Draft) -> tuple[Change, ...]:
    rows: dict[str, Change] = {}
    wanted = {change.key for change in draft.writes}
    for change in draft.writes:
        for partner in draft.snapshot.partners.get(SysctlKey.parse(change.key), ()):
            text = draft.snapshot.text(partner)
            name = str(partner)
            if text is None or name in wanted:
                continue
            tunable = catalog.find(partner)
            rows[name] = Change(
                subject=subject_of(partner, tunable, draft.snapshot.host),
                before=shown(name, text),
                outcome=Outcome.MOVED,
                reason=f"the kernel changes it when {change.key} is written",
            )
    return tuple(rows.values())


def _final(draft: _Draft, name: str) -> SysctlValue | None:
    """The value that a key will have after the plan."""
    for step in draft.steps.values():
        if step.subject.name == name:
            return step.after
    text = draft.snapshot.text(SysctlKey.parse(name))
    return value_of(name, text) if text is not None else None


def _check_invariants(draft: _Draft) -> None:
    for invariant in catalog.INVARIANTS:
        low, high = _final(draft, invariant.low[0]), _final(draft, invariant.high[0])
        if not (isinstance(low, Numbers) and isinstance(high, Numbers)):
            continue
        below, above = low.fields[invariant.low[1]], high.fields[invariant.high[1]]
        if below <= above:
            continue
        for change in [c for c in draft.writes if c.key in (invariant.low[0], invariant.high[0])]:
            draft.writes.remove(change)
            draft.claims = [c for c in draft.claims if c.subject != change.subject]
            detail = (
                f"the kernel refuses {invariant.low[0]} ({below}) above "
                f"{invariant.high[0]} ({above})"
            )
            remedy = f"raise {invariant.high[0]} or lower {invariant.low[0]} in the same profile"
            _put(draft, replace(change, outcome=Outcome.REJECTED, detail=detail, remedy=remedy))
            draft.steps.pop(change.subject, None)


def _port_warnings(draft: _Draft) -> list[str]:
    step = next((s for s in draft.steps.values() if s.subject.name == str(PORT_RANGE)), None)
    if step is None or not isinstance(step.after, Numbers):
        return []
    low, high = step.after.fields
    reserved = _final(draft, str(RESERVED_PORTS))
    holes = reserved if isinstance(reserved, Ports) else Ports(())
    covered = Ports.of([(port, port) for port in draft.snapshot.listening if low <= port <= high])
    free = [port for port in _each(covered) if not any(a <= port <= b for a, b in holes.ranges)]
    if not free:
        return []
    shown_ports = str(Ports.of([(port, port) for port in free]))
    return [
        f"{PORT_RANGE} {low} {high} covers ports that something listens on: {shown_ports}; an "
        f"outgoing connection may take one while its service restarts: add them to "
        f"{RESERVED_PORTS}"
    ]


def _each(ports: Ports) -> list[int]:
    return [port for low, high in ports.ranges for port in range(low, high + 1)]


def _new_nr_open(draft: _Draft) -> int | None:
    value = _final(draft, "fs.nr_open")
    return value.fields[0] if isinstance(value, Numbers) else None
