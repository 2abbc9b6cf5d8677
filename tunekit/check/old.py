"""Does anything still run on values from before a change? The findings of `tunekit stale`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tunekit.check.facts import Facts
from tunekit.check.model import Finding, Status
from tunekit.check.stale import judge


def check(facts: Facts) -> Iterator[Finding]:
    """Name each program on old values. It is a warning: the gate is for the one that is to come."""
    if facts.running is None or facts.wanted is None:
        yield Finding(
            check="stale",
            status=Status.UNKNOWN,
            subject="processes",
            observed="not looked at",
            remedy="mount /proc",
        )
        return
    found = False
    for row in judge(facts.running, facts.wanted):
        if row.status in (Status.PASS, Status.SKIP):
            continue
        found = True
        milder = Status.WARN if row.status is Status.FAIL else row.status
        yield replace(row, check="stale", status=milder)
    if not found:
        yield Finding(
            check="stale",
            status=Status.PASS,
            subject="processes",
            expected="nothing on old values",
            observed=f"{facts.running.processes} processes, none of them on old values",
            reason="listeners and processes keep what they were started with",
        )
