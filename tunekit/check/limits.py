"""Will the service get every resource limit of the profile?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tunekit import catalog
from tunekit.check.facts import Arriving, Facts
from tunekit.check.model import Finding, Status
from tunekit.kernel.readings import Value
from tunekit.profile.evaluate import RLIMIT_PREFIX, value_of
from tunekit.profile.limits import limit_text, wanted_limit
from tunekit.profile.model import Limit
from tunekit.values import Numbers


def check(facts: Facts) -> Iterator[Finding]:
    """Judge every limit, in the order of the profile, and the files that they come from."""
    for limit in facts.profile.limits:
        yield judge(limit, facts.arriving)
    yield from facts.arriving.remarks


def judge(limit: Limit, arriving: Arriving) -> Finding:
    """Judge one limit against what the service gets."""
    name = RLIMIT_PREFIX + limit.name
    tunable = catalog.find(name)
    row = Finding(
        check="limits",
        status=Status.UNKNOWN,
        subject=name,
        expected=limit_text(limit),
        reason=limit.reason or (tunable.summary if tunable else ""),
        location=limit.location,
    )
    reading = arriving.limits.get(limit.name)
    if not isinstance(reading, Value):
        status = Status.SKIP if limit.optional else Status.UNKNOWN
        return replace(
            row,
            status=status,
            observed=arriving.unread or f"the limits of {arriving.whose} cannot be read",
            remedy="" if arriving.unread else "run as its user or as root, while it runs",
        )
    text = f"{shown(reading.text)} for {arriving.whose}{_from(limit.name, arriving)}"
    row = replace(row, observed=text)
    target = wanted_limit(reading.text, limit)
    if value_of(name, reading.text) == target:
        return replace(row, status=Status.PASS)
    return replace(row, status=Status.FAIL, remedy=_remedy(arriving, limit.name, target))


def _from(name: str, arriving: Arriving) -> str:
    if name not in arriving.origins:
        return ""
    return f", from {' and '.join(dict.fromkeys(arriving.origins[name]))}"


def _remedy(arriving: Arriving, name: str, target: Numbers) -> str:
    unit = arriving.units.get(name, 1)
    soft, hard = (
        arriving.endless if field < 0 else str(-(-field // unit)) for field in target.fields
    )
    text = arriving.remedy
    for mark, word in (("name", name), ("NAME", name.upper()), ("soft", soft), ("hard", hard)):
        text = text.replace(f"{{{mark}}}", word)
    return text


def shown(text: str) -> str:
    """A soft and a hard limit for a person."""
    soft, hard = text.split()
    soft, hard = ("unlimited" if field == "-1" else field for field in (soft, hard))
    return soft if soft == hard else f"soft {soft}, hard {hard}"
