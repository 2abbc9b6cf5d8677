"""What the operations share: who watches, where they act, what the machine says."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from tunekit.engine.limits import shortfalls
from tunekit.engine.model import Plan
from tunekit.engine.plan import make
from tunekit.errors import NamespaceError, ReadFailed
from tunekit.kernel import host as hosts
from tunekit.kernel import snapshot as snapshots
from tunekit.kernel.host import HostIdentity
from tunekit.kernel.readings import Value
from tunekit.kernel.rlimits import ProcessLimits
from tunekit.kernel.snapshot import Snapshot
from tunekit.kernel.sysctl import Sysctls
from tunekit.profile.evaluate import named_values
from tunekit.profile.find import spelling
from tunekit.profile.model import Profile
from tunekit.report.model import ProfileSummary
from tunekit.values import SysctlKey

if TYPE_CHECKING:
    from tunekit.probe.load import Progress

T = TypeVar("T")


class Observer(Protocol):
    """Watches an operation while it runs. With a network namespace it is called in the child
    process that entered it.
    """

    def note(self, text: str) -> None:
        """Hear a remark that stops nothing."""

    def plan(self, plan: Plan) -> None:
        """See what is about to be written."""

    def progress(self, progress: Progress) -> None:
        """See how far a load is."""


class Silent:
    """An observer that looks away."""

    def note(self, text: str) -> None:
        """Ignore."""

    def plan(self, plan: Plan) -> None:
        """Ignore."""

    def progress(self, progress: Progress) -> None:
        """Ignore."""


def within(netns: str | None, operation: Callable[[], T]) -> T:
    """Do something in a network namespace (a name or a pid), or here when it is None.

    It is done in a child process: /proc/sys/net shows the namespace of the thread that looks, and
    the caller's own threads must stay where they are.
    """
    if netns is None:
        return operation()
    from tunekit.kernel.namespaces import call_in, cookie

    if not cookie():
        raise NamespaceError(
            "this kernel has no cookies to tell network namespaces apart by (SO_NETNS_COOKIE)",
            hint="it takes Linux 5.14; there, run tunekit inside the namespace instead",
        )
    return call_in(netns, operation)


def take_snapshot(profile: Profile, *, for_writing: bool) -> Snapshot:
    """Read everything that planning a profile needs."""
    sysctls = Sysctls()
    return snapshots.take(
        sysctls,
        hosts.identity(sysctls=sysctls),
        [setting.key for setting in profile.settings],
        candidates={
            setting.key: names for setting in profile.settings if (names := named_values(setting))
        },
        limits=[limit.name for limit in profile.limits],
        for_writing=for_writing,
    )


def make_plan(
    profile: Profile, snapshot: Snapshot, *, allow: Collection[str], pids: Sequence[int] = ()
) -> Plan:
    """Plan a profile, and its limits on running processes."""
    allowed = [SysctlKey.parse(key) for key in allow]
    plan = make(profile, snapshot, allow=allowed, processes=_present_limits(profile, pids))
    if pids:
        return plan
    return replace(plan, warnings=(*plan.warnings, *_warnings(profile, snapshot, plan)))


def _warnings(profile: Profile, snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """Say of which limits a process started from here gets too little, and what mends it."""
    for each in shortfalls(profile, snapshot, plan):
        advice = f"start it with `tunekit run {spelling(profile.path)} -- CMD`"
        if each.obstacle is not None:
            advice = "; ".join(each.obstacle)
        elif each.name == "nofile":
            advice += ", or set LimitNOFILE= in its unit"
        yield (
            f"a process started here gets {each.name} {each.present} and the profile wants "
            f"{each.wanted}; {advice}"
        )


def _present_limits(
    profile: Profile, pids: Sequence[int]
) -> Mapping[tuple[int, int], Mapping[str, str]]:
    found = {}
    for pid in dict.fromkeys(pids):
        process = ProcessLimits(pid)
        texts = {}
        for limit in profile.limits:
            reading = process.read(limit.name)
            if not isinstance(reading, Value):
                raise ReadFailed(
                    f"the {limit.name} limit of process {pid} cannot be read",
                    hint="run as its user or as root, while it runs",
                )
            texts[limit.name] = reading.text
        found[(pid, process.start_time)] = texts
    return found


def summary(profile: Profile) -> ProfileSummary:
    """What a report says of a profile."""
    return ProfileSummary(
        name=profile.name,
        path=profile.path,
        parents=profile.parents,
        variables=profile.variables,
    )


def typed(profile: Profile, *, allowing: bool = False) -> str:
    """How a profile is typed into a shell, with its variables of `--set`.

    `allowing` adds what `apply` and `persist` ask for beside: leave for the keys that can hurt.
    """
    words = [spelling(profile.path)]
    for name, text in profile.given.items():
        words += ["--set", f"{name}={text}"]
    for key in sorted(map(str, profile.allow)) if allowing else ():
        words += ["--allow", key]
    return shlex.join(words)


def here() -> HostIdentity:
    """The host and namespace that this thread sees."""
    return hosts.identity()
