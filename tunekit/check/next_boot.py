"""What will boot set? A value that holds now and that no file sets is gone with the next boot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from tunekit import catalog
from tunekit.check.boot import in_words, meets, prospect
from tunekit.check.facts import Facts
from tunekit.check.model import Finding, Status
from tunekit.check.settings import wanted
from tunekit.errors import InvalidValue
from tunekit.files.boot import Boot
from tunekit.files.model import Writer
from tunekit.kernel.readings import Value
from tunekit.profile.evaluate import requirement_text, shown, value_of
from tunekit.profile.model import Requirement, Setting
from tunekit.values import Kind, SysctlKey

_NUMBERS = re.compile(r"-?[0-9]+(?: -?[0-9]+)*(?= *(?:[(;]|$))")


def check(facts: Facts) -> Iterator[Finding]:
    """Judge what each setting will be after the next boot."""
    for setting in facts.profile.settings:
        yield judge(setting, facts)


def judge(setting: Setting, facts: Facts) -> Finding:
    """Judge one setting: what sets it at boot, and whether that is what is wanted.

    What nothing sets gets the kernel's own value: as a new network namespace shows it, else as the
    catalogue has it. Where that is not known it is a warning.
    """
    key, boot = setting.key, facts.boot
    reading = facts.snapshot.readings[key]
    row = Finding(
        check="boot",
        status=Status.SKIP if setting.optional else Status.UNKNOWN,
        subject=str(key),
        expected=requirement_text(setting),
        reason="what is set at run time is gone with the next boot",
        location=setting.location,
    )
    if facts.snapshot.host.child_netns and key.parts[0] == "net":
        observed = "boot sets the host's network namespace, and this is another"
        return replace(row, status=Status.SKIP, observed=observed)
    if not isinstance(reading, Value) or boot is None:
        return replace(row, observed="the key is not to be seen here")
    try:
        requirements = wanted(setting, value_of(str(key), reading.text), facts.snapshot)
    except InvalidValue as error:
        return replace(row, observed=error.message, remedy=error.hint)
    known = facts.defaults.get(key)
    after = prospect(
        key, boot, requirements=requirements, default=known or _documented_default(key)
    )
    if after.status is Status.PASS and after.winner is None and not (known or _is_plain(key)):
        # The default of one release may not be this one's: enough to doubt, not to pass.
        after = prospect(key, boot, requirements=requirements)
    value = "" if after.value is None else f"{shown(str(key), after.value)}, "
    row = replace(
        row,
        status=after.status,
        expected=shown(str(key), in_words(requirements)),
        observed=f"{value}{after.reason}",
        remedy="",
    )
    if after.status is Status.PASS:
        return row
    if after.status is Status.FAIL:
        better = _loser(boot, key, requirements)
        observed = f"{row.observed}, which overrides {better}" if better else row.observed
        return replace(row, observed=observed, remedy=facts.persist)
    if boot.unread:
        closed = any(not each.undecided for each in boot.unread)
        return replace(row, remedy="run as root" if closed else "")
    if after.winner is None:
        # Whether it holds by itself or was set by hand cannot be told, and it holds now.
        row = replace(row, status=Status.SKIP if setting.optional else Status.WARN)
    return replace(row, remedy=facts.persist)


def _loser(boot: Boot, key: SysctlKey, requirements: tuple[Requirement, ...]) -> str:
    """A line that would do and that another one overrides; empty when there is none."""
    for each in boot.shadowed(key):
        if meets(str(key), each.assignment.value, requirements):
            return str(each.assignment.origin)
    return ""


def _documented_default(key: SysctlKey) -> str | None:
    """The kernel's own value, where the catalogue gives it as numbers."""
    tunable = catalog.find(key)
    if tunable is None or tunable.kind is not Kind.NUMBERS:
        return None
    match = _NUMBERS.match(tunable.default)
    return match.group() if match else None


def _is_plain(key: SysctlKey) -> bool:
    """Tell whether the catalogue knows one default of a key, for every release and host."""
    tunable = catalog.find(key)
    return tunable is not None and _NUMBERS.fullmatch(tunable.default) is not None


def from_command_line(facts: Facts) -> Iterator[Finding]:
    """Judge what the kernel's command line sets (`sysctl.KEY=VALUE`, Linux 5.8)."""
    row = Finding(
        check="cmdline",
        status=Status.UNKNOWN,
        subject="/proc/cmdline",
        expected="nothing that contradicts the profile",
        observed="cannot be read",
        reason="the kernel sets these before anything else runs (do_sysctl_args, fs/proc)",
    )
    boot = facts.boot
    if boot is None or any(each.path == "/proc/cmdline" for each in boot.unread):
        yield replace(row, remedy="mount /proc")
        return
    found = [
        finding
        for setting in facts.profile.settings
        if (finding := _set_by_kernel(row, setting, boot)) is not None
    ]
    yield from found or [replace(row, status=Status.PASS, observed="sets nothing of the profile")]


def _set_by_kernel(row: Finding, setting: Setting, boot: Boot) -> Finding | None:
    """Judge the last parameter about a setting; None when there is none."""
    key = setting.key
    lines = [e for e in boot.earlier if e.writer is Writer.KERNEL and e.path == key.path]
    if not lines:
        return None
    last = lines[-1]
    row = replace(
        row,
        status=Status.PASS,
        subject=str(key),
        expected=requirement_text(setting),
        observed=f"sysctl.{key}={shown(str(key), last.value or '')}",
        location=setting.location,
    )
    holds = (
        last.value in setting.prefer
        if setting.prefer
        else meets(str(key), last.value, setting.requirements)
    )
    if holds:
        return row
    winner = boot.winner(key)
    later = winner if winner is not last else None
    return replace(
        row,
        status=Status.WARN if later else Status.FAIL,
        observed=f"{row.observed}, until it is {later.place}" if later else row.observed,
        remedy="take it off the kernel's command line in the boot loader's settings (with GRUB: "
        "/etc/default/grub, then update-grub)",
    )
