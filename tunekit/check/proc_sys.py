"""Can settings be changed here at all? In most containers /proc/sys is mounted read-only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tunekit.check import settings
from tunekit.check.facts import Facts
from tunekit.check.model import Finding, Status


def check(facts: Facts) -> Iterator[Finding]:
    """Judge the mount: read-only is in the way only of what has yet to be changed."""
    row = Finding(
        check="proc-sys",
        status=Status.UNKNOWN,
        subject="/proc/sys",
        expected="writable, or nothing left to write",
        observed="cannot be looked at",
        reason="where it is read-only nothing can be set from inside, not even by root",
        remedy="mount /proc",
    )
    read_only = facts.read_only
    if read_only is None:
        yield row
        return
    row = replace(row, remedy="")
    wrong = [
        setting.key
        for setting in facts.profile.settings
        if setting.key in read_only
        and settings.judge(setting, facts.snapshot).status is Status.FAIL
    ]
    if wrong:
        count = f"{len(wrong)} setting" + ("" if len(wrong) == 1 else "s")
        yield replace(
            row,
            status=Status.FAIL,
            observed=f"read-only, and {count} would have to be changed",
            reason=f"{row.reason}: {', '.join(map(str, wrong))}",
            remedy="set them from outside: `docker run --sysctl KEY=VALUE`, the pod's "
            "securityContext.sysctls, or on the host",
        )
    elif read_only:
        observed = "read-only in part, and every setting there holds or is not to be seen"
        yield replace(row, status=Status.PASS, observed=observed)
    else:
        yield replace(row, status=Status.PASS, observed="writable")
