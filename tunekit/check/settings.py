"""Does every setting of the profile hold in the running kernel?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from shlex import quote

from tunekit import catalog
from tunekit.catalog.model import Tunable
from tunekit.check.facts import Facts
from tunekit.check.model import Finding, Status
from tunekit.errors import InvalidValue
from tunekit.kernel.readings import Cause, Denied, Elsewhere, Missing, Value
from tunekit.kernel.refusals import words
from tunekit.kernel.snapshot import Snapshot
from tunekit.profile.evaluate import (
    SECRET,
    chosen,
    requirement_text,
    shown,
    use_instead,
    value_of,
)
from tunekit.profile.model import Requirement, Setting
from tunekit.profile.requirement import meet_all
from tunekit.values import SysctlKey, SysctlValue

_FROM_OUTSIDE = "from outside, by `docker run --sysctl` or the pod's securityContext.sysctls: "


def check(facts: Facts) -> Iterator[Finding]:
    """Judge every setting, in the order of the profile."""
    for setting in facts.profile.settings:
        how = f"{facts.enter}sysctl -w "
        if setting.key in (facts.read_only or ()):
            how = _FROM_OUTSIDE
        yield judge(setting, facts.snapshot, how=how)


def judge(setting: Setting, snapshot: Snapshot, *, how: str = "sysctl -w ") -> Finding:
    """Judge one setting against what the kernel shows.

    A value that cannot be seen is unknown, but for an optional setting, which is skipped. The
    remedy of one that differs is the command that sets it, `how` and the assignment.
    """
    key = setting.key
    tunable = catalog.find(key)
    reading = snapshot.readings[key]
    row = Finding(
        check="settings",
        status=Status.UNKNOWN,
        subject=str(key),
        expected=requirement_text(setting),
        reason=setting.reason or (tunable.summary if tunable else ""),
        location=setting.location,
    )
    if not isinstance(reading, Value):
        cause = cause_of(reading)
        observed, remedy = words(cause)
        if cause is Cause.MISSING:
            remedy = absent(tunable) or remedy
        status = Status.SKIP if setting.optional else Status.UNKNOWN
        return replace(row, status=status, observed=observed, remedy=remedy)
    row = replace(row, observed=shown(str(key), reading.text))
    try:
        current = value_of(str(key), reading.text)
        target = meet_all(current, wanted(setting, current, snapshot), tunable)
    except InvalidValue as error:
        status = Status.SKIP if setting.optional else Status.FAIL
        observed = f"{row.observed}: {error.message}"
        return replace(row, status=status, observed=observed, remedy=error.hint)
    row = replace(row, expected=shown(str(key), str(target)))
    if target == current:
        return replace(row, status=Status.PASS)
    if snapshot.refusals.get(key) is Cause.ELSEWHERE:
        # Shown here and set on the host: what it is can be told, and it is not what is wanted.
        how = "on the host: sysctl -w "
    return replace(row, status=Status.FAIL, remedy=f"{how}{assignment(key, target)}")


def wanted(setting: Setting, current: SysctlValue, snapshot: Snapshot) -> tuple[Requirement, ...]:
    """The requirements of a setting, its preferences resolved to what this kernel can give.

    Raises InvalidValue when it can give none of them.
    """
    if not setting.prefer:
        return setting.requirements
    return (chosen(setting, current, snapshot.choices.get(setting.key, {})),)


def cause_of(reading: Missing | Denied | Elsewhere) -> Cause:
    """Why there is no value."""
    if isinstance(reading, Missing):
        return Cause.MISSING
    return Cause.ELSEWHERE if isinstance(reading, Elsewhere) else reading.cause


def absent(tunable: Tunable | None) -> str:
    """What to do about a key that this kernel does not have; empty when nothing is known."""
    if tunable is not None and tunable.replacement:
        return use_instead(tunable)
    return f"modprobe {tunable.module}" if tunable is not None and tunable.module else ""


def assignment(key: SysctlKey, value: SysctlValue) -> str:
    """A key and its value as typed into a shell; a secret is not shown in it."""
    if shown(str(key), "") == SECRET:
        return f"{quote(str(key))}=..."
    return quote(f"{key}={value}")
