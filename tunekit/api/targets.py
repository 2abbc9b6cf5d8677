"""Whose limits are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tunekit.check.facts import Arriving
from tunekit.errors import UsageError
from tunekit.kernel.readings import Reading
from tunekit.kernel.rlimits import ProcessLimits
from tunekit.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A systemd unit, a user whose sessions PAM opens, the containers of a runtime, or a process;
    this one without any.
    """

    unit: str = ""
    user: str = ""
    runtime: str = ""
    pid: int | None = None


def arriving(target: Target, names: Iterable[str], *, run: str) -> Arriving:
    """Find out what limits somebody gets, each with where it comes from where that can be told.

    `run` is the command that starts one under the profile's limits. Raises UsageError for a unit
    or user that there is not and for more than one target, ReadFailed for a process that there is
    not.
    """
    if sum(map(bool, (target.unit, target.user, target.runtime, target.pid))) > 1:
        raise UsageError(
            "limits of more than one",
            hint="give one of --unit, --user, --runtime and --pid at a time",
        )
    if target.unit or target.user or target.runtime:
        # The files of units and of PAM are read for nobody else.
        from tunekit.api.arriving import of_service

        return of_service(target, names)
    process = ProcessLimits(target.pid or 0)
    limits = {name: process.read(name) for name in dict.fromkeys(names)}
    if target.pid is None:
        return Arriving(whose="this process", limits=limits, remedy=run)
    return Arriving(
        whose=f"process {target.pid}",
        limits=limits,
        remedy=f"prlimit --pid {target.pid} --{{name}}={{soft}}:{{hard}}",
        origins=_started_by(target.pid, limits),
    )


def _started_by(pid: int, limits: Mapping[str, Reading]) -> dict[str, tuple[str, str]]:
    from tunekit.kernel.processes import parse_group

    try:
        group = parse_group(Path(f"/proc/{pid}/cgroup").read_text())
    except OSError:
        return {}
    if not group.unit.endswith(".service") or group.user or group.container:
        return {}
    from tunekit.api.arriving import origins_of_process

    return origins_of_process(group, limits)
