"""The limits that somebody gets, for `inspect --limits`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from tunekit.api.arriving import nr_open, nr_open_after, of_unit_below
from tunekit.api.session import here, summary
from tunekit.api.targets import Target, arriving
from tunekit.check.facts import Arriving
from tunekit.check.limits import judge, shown
from tunekit.check.model import Finding, Status
from tunekit.errors import ExitCode, UsageError
from tunekit.files.root import Root
from tunekit.files.unit_files import unit_name
from tunekit.kernel.readings import Value
from tunekit.kernel.rlimits import NAMES
from tunekit.profile.evaluate import RLIMIT_PREFIX
from tunekit.profile.find import spelling
from tunekit.profile.model import Profile
from tunekit.report.model import Report


def inspect_limits(
    profile: Profile | None = None,
    *,
    unit: str = "",
    user: str = "",
    runtime: str = "",
    pid: int | None = None,
    root: Path | None = None,
) -> Report:
    """Tell what limits a systemd service, a user's sessions, the containers of a runtime (docker,
    containerd, crio, podman) or a process gets, and from where.

    Without any of the four it is this process. With a profile its limits are judged, else all are
    shown; what is wrong in the files that set them is told in either case. The exit code is 0 in
    line, 1 when a limit of the profile does not arrive or cannot be set, 3 when one cannot be told.
    With `root` it is a unit of another system, by its files alone. Raises UsageError for a unit or
    user that there is not.
    """
    names = [limit.name for limit in profile.limits] if profile else sorted(NAMES)
    if root is None:
        run = f"tunekit run {quote(spelling(profile.path))} -- COMMAND" if profile else ""
        got = arriving(Target(unit=unit, user=user, runtime=runtime, pid=pid), names, run=run)
        ceiling = nr_open()
    else:
        if not unit or user or runtime or pid:
            raise UsageError(
                "--limits with --root is about a unit alone",
                hint="add --unit NAME; sessions, containers and processes are looked at on the "
                "system that runs",
            )
        got, ceiling = _below(root, unit_name(unit), profile)
    if profile is not None:
        rows = [judge(limit, got) for limit in profile.limits]
    else:
        rows = [_row(name, got) for name in names]
    findings = (*rows, *got.remarks)
    return Report(
        command="inspect",
        exit_code=_code(findings),
        verdict=_sentence(profile, got, findings),
        host=here(),
        profile=summary(profile) if profile else None,
        findings=findings,
        notes=profile.warnings if profile else (),
        data={
            "whose": got.whose,
            "nr_open": None if ceiling is None else str(ceiling),
            "limits": [_data(name, got) for name in names],
        },
    )


def _below(root: Path, unit: str, profile: Profile | None) -> tuple[Arriving, int]:
    """What a unit of another system gets, and what fs.nr_open is after that one's boot."""
    from tunekit.files.boot import read_boot

    with Root(root) as opened:
        ceiling = nr_open_after(read_boot(opened))
    return of_unit_below(root, unit, profile, nr_open=ceiling), ceiling


def _row(name: str, got: Arriving) -> Finding:
    """A limit that nothing is asked of."""
    reading = got.limits.get(name)
    known = isinstance(reading, Value)
    return Finding(
        check="limits",
        status=Status.SKIP if known or got.unread else Status.UNKNOWN,
        subject=RLIMIT_PREFIX + name,
        observed=shown(reading.text) if isinstance(reading, Value) else got.unread,
    )


def _data(name: str, got: Arriving) -> Mapping[str, Any]:
    reading = got.limits.get(name)
    soft, hard = reading.text.split() if isinstance(reading, Value) else (None, None)
    soft_from, hard_from = got.origins.get(name, ("", ""))
    return {
        "name": name,
        "soft": soft,
        "hard": hard,
        "soft_from": soft_from,
        "hard_from": hard_from,
    }


def _code(findings: Collection[Finding]) -> ExitCode:
    seen = {finding.status for finding in findings}
    if Status.FAIL in seen:
        return ExitCode.NO
    return ExitCode.IMPOSSIBLE if Status.UNKNOWN in seen else ExitCode.OK


def _sentence(profile: Profile | None, got: Arriving, findings: Collection[Finding]) -> str:
    failed = sum(finding.status is Status.FAIL for finding in findings)
    unknown = sum(finding.status is Status.UNKNOWN for finding in findings)
    warned = sum(finding.status is Status.WARN for finding in findings)
    more = f", {warned} to be warned of" if warned else ""
    if profile is None:
        return f"the limits of {got.whose}{more}"
    if failed:
        return f"{got.whose}: {failed} of the limits of {profile.name} do not arrive{more}"
    if unknown:
        return f"{got.whose}: whether {unknown} of the limits arrive cannot be told{more}"
    return f"{got.whose}: the limits of {profile.name} arrive{more}"
