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
    """Judge every limit, in the order of the profile."""
    for limit in facts.profile.limits:
        yield judge(limit, facts.arriving)


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
            observed=f"the limits of {arriving.whose} cannot be read",
            remedy="run as its user or as root, while it runs",
        )
    row = replace(row, observed=f"{_shown(reading.text)} for {arriving.whose}")
    target = wanted_limit(reading.text, limit)
    if value_of(name, reading.text) == target:
        return replace(row, status=Status.PASS)
    return replace(row, status=Status.FAIL, remedy=_remedy(arriving.remedy, limit.name, target))


def _remedy(template: str, name: str, target: Numbers) -> str:
    soft, hard = (("unlimited" if field < 0 else str(field)) for field in target.fields)
    return template.replace("{name}", name).replace("{soft}", soft).replace("{hard}", hard)


def _shown(text: str) -> str:
    soft, hard = text.split()
    soft, hard = ("unlimited" if field == "-1" else field for field in (soft, hard))
    return soft if soft == hard else f"soft {soft}, hard {hard}"
