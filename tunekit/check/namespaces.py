"""Can this network namespace hold what the profile sets? Some keys are the host's alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tunekit.check import settings
from tunekit.check.facts import Facts
from tunekit.check.model import Finding, Status
from tunekit.kernel.readings import Cause, Elsewhere
from tunekit.profile.evaluate import requirement_text


def check(facts: Facts) -> Iterator[Finding]:
    """Name each key that has to be set elsewhere, and where."""
    kind = "another network namespace than the host's"
    if not facts.snapshot.host.child_netns:
        kind = "the host's own network namespace"
    row = Finding(
        check="namespaces",
        status=Status.PASS,
        subject="network namespace",
        expected="holds every key of the profile",
        observed=f"{kind}, which holds every key of the profile",
        reason="a container has its own copy of some keys, sees others and cannot see the rest",
    )
    held = True
    for setting in facts.profile.settings:
        key = setting.key
        told = replace(
            row, subject=str(key), expected=requirement_text(setting), location=setting.location
        )
        if isinstance(facts.snapshot.readings[key], Elsewhere):
            held = False
            yield replace(
                told,
                status=Status.SKIP if setting.optional else Status.UNKNOWN,
                observed="the host's own: neither seen nor set from here",
                remedy="run this check on the host, outside of the container, too",
            )
        elif facts.snapshot.refusals.get(key) is Cause.ELSEWHERE:
            held = False
            judged = settings.judge(setting, facts.snapshot)
            yield replace(
                told,
                status=judged.status,
                observed=f"the host's own, seen from here: {judged.observed}",
                remedy=judged.remedy,
            )
    if held:
        yield row
