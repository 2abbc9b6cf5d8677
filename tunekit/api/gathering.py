"""Everything that the checks of a gate judge, read once."""

from __future__ import annotations

from shlex import quote

from tunekit.api.session import take_snapshot
from tunekit.check.facts import Arriving, Facts
from tunekit.kernel import capacity_facts, mounts
from tunekit.kernel.rlimits import ProcessLimits
from tunekit.profile.find import spelling
from tunekit.profile.model import Profile


def gather(profile: Profile, *, pid: int | None = None, netns: str | None = None) -> Facts:
    """Read it all, in the network namespace of this thread.

    `netns` is how the caller named that namespace, for the commands that mend it. Raises
    ReadFailed when there is no process `pid`.
    """
    return Facts(
        profile=profile,
        snapshot=take_snapshot(profile, for_writing=False),
        arriving=_arriving(profile, pid),
        capacity=capacity_facts.gather(),
        read_only=mounts.read_only(setting.key for setting in profile.settings),
        enter=_entering(netns),
    )


def _arriving(profile: Profile, pid: int | None) -> Arriving:
    process = ProcessLimits(pid or 0)
    limits = {limit.name: process.read(limit.name) for limit in profile.limits}
    if pid is None:
        remedy = f"tunekit run {quote(spelling(profile.path))} -- COMMAND"
        return Arriving(whose="this process", limits=limits, remedy=remedy)
    remedy = f"prlimit --pid {pid} --{{name}}={{soft}}:{{hard}}"
    return Arriving(whose=f"process {pid}", limits=limits, remedy=remedy)


def _entering(netns: str | None) -> str:
    if netns is None:
        return ""
    return f"nsenter -t {netns} -n " if netns.isdigit() else f"ip netns exec {quote(netns)} "
