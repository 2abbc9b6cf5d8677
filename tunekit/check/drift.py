"""Is what was applied still so? What the journal says against what the kernel shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tunekit import catalog
from tunekit.check.facts import Applied, Facts
from tunekit.check.model import Finding, Status
from tunekit.errors import InvalidValue
from tunekit.kernel.readings import Value
from tunekit.profile.evaluate import shown, value_of
from tunekit.profile.requirement import all_met

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def check(facts: Facts) -> Iterator[Finding]:
    """Judge every value that a transaction holds, and whether a boot took them since."""
    row = Finding(
        check="drift",
        status=Status.PASS,
        subject="time since boot",
        observed=since(facts.seconds_up),
        reason="other programs write sysctls, too, and a boot takes every value with it",
    )
    past = facts.past
    if past is None or past.error:
        yield replace(row, observed=f"{row.observed} since boot")
        yield replace(
            row,
            status=Status.UNKNOWN,
            subject="journal",
            expected="every applied value still in force",
            observed=past.error if past else "not looked at",
            remedy="run as root",
        )
        return
    if past.ended is not None:
        yield replace(
            row,
            status=Status.WARN,
            expected="the profile applied in this boot",
            observed=f"{row.observed}; transaction {past.ended} applied it before",
            reason="of what was applied before a boot only what the files set is left",
            remedy=facts.apply,
        )
    else:
        yield row
    drifted = [finding for each in past.applied if (finding := _judge(row, each))]
    yield from drifted
    if not drifted:
        count = len(past.applied)
        noun = "value" if count == 1 else "values"
        yield replace(
            row,
            subject="journal",
            expected="every applied value still in force",
            observed=f"{count} applied {noun}, none changed since" if count else "nothing applied",
        )


def _judge(row: Finding, applied: Applied) -> Finding | None:
    """Say what became of a value that is no longer what it was made for; None when it is."""
    name = applied.name
    row = replace(
        row,
        status=Status.FAIL,
        subject=name,
        expected=f"{'; '.join(map(str, applied.requirements))}, as transaction "
        f"{applied.transaction} left it",
        reason=f"somebody changed it since {applied.profile} was applied",
        remedy=applied.command,
    )
    if not isinstance(applied.reading, Value):
        return replace(row, status=Status.UNKNOWN, observed="cannot be read any more")
    text = applied.reading.text
    try:
        if all_met(value_of(name, text), applied.requirements, catalog.find(name)):
            return None
    except InvalidValue:
        pass
    return replace(row, observed=shown(name, text))


def since(seconds: float) -> str:
    """A time in words, of the two largest units: `3 d 4 h`."""
    parts: list[str] = []
    rest = int(seconds)
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts or size == 1:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
