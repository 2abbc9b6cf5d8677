"""What still runs on old values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunekit.api.looking import applied_last
from tunekit.api.session import here, summary, within
from tunekit.check.model import Finding, Status
from tunekit.check.stale import Wanted, judge
from tunekit.engine.earlier import earlier_values
from tunekit.engine.store import STATE_DIR, peek
from tunekit.errors import ExitCode, StateError
from tunekit.kernel.running import KEYS, Running, gather
from tunekit.profile.find import spelling
from tunekit.profile.limits import wanted_limit
from tunekit.report.model import Report

if TYPE_CHECKING:
    from tunekit.kernel.host import HostIdentity
    from tunekit.profile.model import Profile

_OLD = (Status.FAIL, Status.WARN)


def stale(
    profile: Profile | None = None, *, netns: str | None = None, state_dir: Path | None = None
) -> Report:
    """Find the programs that still run on values from before a change.

    Against a profile, or the one that was applied last; without either only what the journal and
    the kernel's defaults tell. Writes nothing and works for any user. The exit code is 0 when
    nothing is stale, 1 when something is or looks so, 3 when nothing that could be seen is and
    something could not be seen.
    """
    folder = state_dir or STATE_DIR
    notes: tuple[str, ...] = ()
    if profile is None:
        profile, notes = applied_last(folder)
    chosen = profile
    report = within(netns, lambda: _stale(chosen, folder))
    return replace(report, notes=(*notes, *report.notes))


def _stale(profile: Profile | None, state_dir: Path) -> Report:
    host = here()
    running, findings = look(profile, host, state_dir)
    return Report(
        command="stale",
        exit_code=_exit_code(findings),
        verdict=sentence(findings),
        host=host,
        profile=summary(profile) if profile else None,
        findings=findings,
        data=_data(running),
    )


def look(
    profile: Profile | None, host: HostIdentity, state_dir: Path
) -> tuple[Running, tuple[Finding, ...]]:
    """Gather what programs run on in this network namespace, and judge it."""
    running = gather()
    earlier, journal = _earlier(host, state_dir)
    wanted = Wanted(
        profile=spelling(profile.path) if profile else "",
        journal=journal,
        earlier=earlier,
        nofile=_limits(profile, running) if profile else {},
    )
    return running, judge(running, wanted)


def sentence(findings: Sequence[Finding]) -> str:
    """The answer in one sentence."""
    old = list(dict.fromkeys(row.subject for row in findings if row.status in _OLD))
    unseen = sum(row.status is Status.UNKNOWN for row in findings)
    rest = f"; {unseen} could not be looked at" if unseen else ""
    if not old:
        return f"nothing that was seen runs on old values{rest}"
    what = f"{old[0]} runs" if len(old) == 1 else f"{len(old)} programs run"
    return f"{what} on old values{rest}"


def _exit_code(findings: Sequence[Finding]) -> ExitCode:
    statuses = {row.status for row in findings}
    if statuses.intersection(_OLD):
        return ExitCode.NO
    return ExitCode.IMPOSSIBLE if Status.UNKNOWN in statuses else ExitCode.OK


def _earlier(host: HostIdentity, state_dir: Path) -> tuple[Mapping[str, Sequence[str]], str]:
    """The earlier values, and why the journal could not be read."""
    try:
        with peek(state_dir) as journal:
            return (earlier_values(journal, host, KEYS) if journal else {}), ""
    except StateError as error:
        return {}, error.message


def _limits(profile: Profile, running: Running) -> Mapping[tuple[int, int], tuple[int, int]]:
    """What each limit of open files that is in use should be, where it is too low."""
    present = {limits for program in running.programs for limits in program.nofile}
    found = {}
    for limit in profile.limits:
        if limit.name != "nofile":
            continue
        for soft, hard in present:
            first, second = wanted_limit(f"{soft} {hard}", limit).fields
            if (first, second) != (soft, hard):
                found[(soft, hard)] = (first, second)
    return found


def _data(running: Running) -> dict[str, Any]:
    return {
        "processes": running.processes,
        "present": dict(running.present),
        "programs": [
            {
                "name": program.name,
                "unit": program.group.unit,
                "container": program.group.container,
                "pids": list(program.pids),
                "connections": program.connections,
                "listeners": [
                    {
                        "address": each.address,
                        "port": each.port,
                        "backlog": each.backlog,
                        "queued": each.queued,
                    }
                    for each in program.listeners
                ],
            }
            for program in running.programs
            if program.sockets
        ],
    }
