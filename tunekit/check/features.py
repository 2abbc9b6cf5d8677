"""Has this kernel what the profile needs? Keys that are absent, and names that it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tunekit import catalog
from tunekit.catalog.model import Tunable
from tunekit.check.facts import Facts
from tunekit.check.model import Finding, Status
from tunekit.check.settings import absent
from tunekit.kernel.readings import Missing
from tunekit.profile.evaluate import named_values
from tunekit.profile.model import Setting


def check(facts: Facts) -> Iterator[Finding]:
    """Name each thing that this kernel lacks; one line when it lacks none."""
    row = Finding(
        check="kernel",
        status=Status.PASS,
        subject="features",
        expected="every key and name of the profile",
        observed=f"Linux {facts.snapshot.host.kernel} has them",
        reason="a key comes with a version, a build option or a module of the kernel",
    )
    lacking = [
        finding
        for setting in facts.profile.settings
        for finding in (*_key(row, setting, facts), *_names(row, setting, facts))
    ]
    yield from lacking or [row]


def _key(row: Finding, setting: Setting, facts: Facts) -> Iterator[Finding]:
    if not isinstance(facts.snapshot.readings[setting.key], Missing):
        return
    tunable = catalog.find(setting.key)
    yield replace(
        row,
        status=Status.SKIP if setting.optional else Status.FAIL,
        subject=str(setting.key),
        expected="a kernel that has it",
        observed=f"Linux {facts.snapshot.host.kernel} has no such key",
        reason=_history(tunable) or row.reason,
        remedy=absent(tunable) or "make it optional in the profile, or use another kernel",
        location=setting.location,
    )


def _names(row: Finding, setting: Setting, facts: Facts) -> Iterator[Finding]:
    """Judge the names that a setting would give its key, of which one has to be there."""
    names = named_values(setting)
    choices = facts.snapshot.choices.get(setting.key)
    if not names or choices is None or any(name in choices for name in names):
        return
    yield replace(
        row,
        status=Status.SKIP if setting.optional else Status.FAIL,
        subject=str(setting.key),
        expected=" or ".join(names),
        observed="neither loaded, nor a module that could be",
        reason="the kernel takes a name only of what it has",
        remedy="install the kernel's extra modules, or add a name that "
        "net.ipv4.tcp_available_congestion_control lists",
        location=setting.location,
    )


def _history(tunable: Tunable | None) -> str:
    if tunable is None:
        return ""
    parts = (
        f"since Linux {tunable.since}" if tunable.since else "",
        f"removed in {tunable.removed}" if tunable.removed else "",
        f"with the module {tunable.module}" if tunable.module else "",
    )
    text = ", ".join(part for part in parts if part)
    return f"it is there {text}" if text else ""
