"""The gate of a system that does not run here: what its files will do when it boots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tunekit.api.arriving import nr_open_after, of_unit_below
from tunekit.api.booting import Outlook, look, prospects, wishes
from tunekit.check.boot import in_words
from tunekit.check.gate import Choice, skipped
from tunekit.check.limits import judge
from tunekit.check.model import Finding, Status
from tunekit.check.registry import CHECKS
from tunekit.files.unit_files import unit_name
from tunekit.profile.evaluate import shown
from tunekit.profile.find import spelling
from tunekit.profile.model import Profile

_BOOT, _LIMITS = "boot", "limits"


def judge_files(profile: Profile, choice: Choice, root: Path, *, unit: str) -> Iterator[Finding]:
    """Judge a profile by the files of a root alone: its keys at boot, and the limits of a unit.

    The other checks ask the running kernel and say that they were left out. Raises UsageError for
    a unit that the root does not have.
    """
    outlook = look(root)
    for check in CHECKS:
        if not choice.asks(check):
            if check.name in choice.skip:
                yield skipped(check)
        elif check.name == _BOOT:
            yield from _settings(profile, outlook)
        elif check.name == _LIMITS and unit:
            yield from _limits(profile, outlook, unit_name(unit))
        else:
            yield skipped(check, "it needs the running system, and --root has files alone")


def _settings(profile: Profile, outlook: Outlook) -> Iterator[Finding]:
    wanted = wishes(profile, outlook)
    for setting, wish, after in zip(
        profile.settings, wanted, prospects(wanted, outlook), strict=True
    ):
        name = str(setting.key)
        holds = after.status is Status.PASS
        yield Finding(
            check=_BOOT,
            status=Status.SKIP if setting.optional and not holds else after.status,
            subject=name,
            expected=shown(name, in_words(wish.requirements, wish.prefer)),
            observed=f"{shown(name, after.value)}, {after.reason}" if after.value else after.reason,
            reason="what no file sets is the kernel's own, whichever kernel that is",
            remedy=""
            if holds
            else f"tunekit persist {spelling(profile.path)} --root {outlook.root}",
            location=setting.location,
        )


def _limits(profile: Profile, outlook: Outlook, unit: str) -> Iterator[Finding]:
    nr_open = nr_open_after(outlook.boot)
    got = of_unit_below(outlook.root, unit, profile, nr_open=nr_open)
    for limit in profile.limits:
        yield judge(limit, got)
    yield from got.remarks
