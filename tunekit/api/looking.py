"""Looking without touching: load, plan, inspect."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tunekit.api.past import unfinished
from tunekit.api.session import make_plan, take_snapshot, within
from tunekit.engine.store import STATE_DIR
from tunekit.kernel import host as hosts
from tunekit.kernel.sysctl import Sysctls
from tunekit.profile import load
from tunekit.values import SysctlKey, is_glob

if TYPE_CHECKING:
    from tunekit.engine.model import Plan
    from tunekit.profile.model import Profile
    from tunekit.report.model import Report


def load_profile(profile: str | Path, *, variables: Mapping[str, str] | None = None) -> Profile:
    """Load a profile by path or name and resolve it for this host.

    `variables` override the profile's own, as texts such as `1m`. Raises ProfileError with every
    error found.
    """
    return load(
        str(profile),
        variables=variables or {},
        facts=hosts.facts(),
        kernel_has=Sysctls().has,
    )


def plan(profile: Profile, *, allow: Collection[str] = (), netns: str | None = None) -> Plan:
    """Plan what would be written to make a profile so. Writes nothing.

    Raises ProfileError for keys that can hurt and are not in `allow`.
    """
    return within(
        netns,
        lambda: make_plan(profile, take_snapshot(profile, for_writing=True), allow=allow),
    )


def inspect(
    profile: Profile | None = None,
    *,
    keys: Sequence[str] = (),
    boot: bool = False,
    root: Path | None = None,
    netns: str | None = None,
    state_dir: Path | None = None,
) -> Report:
    """Compare the running kernel with a profile, or show keys and globs of keys.

    Without either: the running kernel against what boot sets. `boot` sets what boot will make of
    a profile's settings, or of keys, beside what runs now; `root` looks at another root file
    system's files instead, of which nothing runs. Writes nothing and works for any user. The exit
    code is 0 in line, 1 drift, 3 when a required value cannot be read.
    """
    if boot or root is not None or (profile is None and not keys):
        from tunekit.api import booting

        report = within(
            netns, lambda: booting.inspect_boot(profile, keys, root=root or booting.HOST)
        )
    elif keys:
        report = within(netns, lambda: _show(keys))
    else:
        chosen = profile
        assert chosen is not None
        report = within(netns, lambda: _compare(chosen))
    return replace(report, notes=(*unfinished(state_dir or STATE_DIR), *report.notes))


# Showing keys and comparing a profile need little of each other: each is imported when called.


def _compare(profile: Profile) -> Report:
    from tunekit.api.comparing import compare

    return compare(profile)


def _show(patterns: Sequence[str]) -> Report:
    from tunekit.api.showing import expand, show

    named = {SysctlKey.parse(pattern) for pattern in patterns if not is_glob(pattern)}
    return show(expand(patterns), named=named)
