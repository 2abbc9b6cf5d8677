"""What still runs on old values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from tunekit import catalog
from tunekit.api.looking import load_profile
from tunekit.api.past import last_applied
from tunekit.api.session import here, summary, within
from tunekit.check.model import Finding, Status
from tunekit.check.stale import Wanted, judge
from tunekit.check.stale.buffers import KEYS as BUFFERS
from tunekit.check.stale.model import counted
from tunekit.check.stale.networks import CHECK as NETWORK
from tunekit.engine.earlier import earlier_values
from tunekit.engine.scope import netns_scope, subject_of
from tunekit.engine.store import STATE_DIR, peek
from tunekit.errors import ExitCode, StateError, TunekitError
from tunekit.kernel.readings import Reading, Value
from tunekit.kernel.running import Program, Running, gather
from tunekit.kernel.sysctl import Sysctls
from tunekit.profile.evaluate import value_of
from tunekit.profile.find import spelling
from tunekit.profile.limits import wanted_limit
from tunekit.profile.model import Mode, Requirement
from tunekit.report.model import Report
from tunekit.values import Numbers, SysctlKey

if TYPE_CHECKING:
    from tunekit.kernel.host import HostIdentity
    from tunekit.profile.model import Profile

_OLD = (Status.FAIL, Status.WARN)
_KINDS_IN_A_REPORT = 20


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
    report = within(netns, lambda: _stale(chosen, folder, alone=netns is not None))
    return replace(report, notes=(*notes, *report.notes))


def _stale(profile: Profile | None, state_dir: Path, *, alone: bool) -> Report:
    host = here()
    running, findings = look(profile, host, state_dir, alone=alone)
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
    profile: Profile | None, host: HostIdentity, state_dir: Path, *, alone: bool = False
) -> tuple[Running, tuple[Finding, ...]]:
    """Gather what programs run on in this network namespace, and judge it.

    `alone` leaves the other network namespaces alone.
    """
    running, wanted = seen(profile, host, state_dir, alone=alone)
    return running, judge(running, wanted)


def seen(
    profile: Profile | None, host: HostIdentity, state_dir: Path, *, alone: bool = False
) -> tuple[Running, Wanted]:
    """Gather what programs run on in this network namespace, and what they are judged by."""
    earlier, journal = _earlier(host, state_dir)
    settings = _settings(profile, earlier, host)
    wished = [str(setting.key) for setting in profile.settings] if profile else []
    sizes = any(key in BUFFERS for key in (*earlier, *wished))
    elsewhere = None if alone else [SysctlKey.parse(key) for key in settings]
    running = gather(locks=sizes, elsewhere=elsewhere)
    return running, Wanted(
        profile=spelling(profile.path) if profile else "",
        journal=journal,
        earlier=earlier,
        nofile=_limits(profile, running) if profile else {},
        settings=settings,
        buffers=sizes,
    )


def remark(profile: Profile, *, netns: str, state_dir: Path, journal_option: str = "") -> str:
    """Say in a line what still runs on old values after an apply, and how to see more.

    Acts in this network namespace, which `netns` is the name of where it is not the caller's.
    """
    try:
        # Other networks keep copies of their own, whatever is applied here: `stale` tells of them.
        _, findings = look(profile, here(), state_dir, alone=True)
    except Exception as error:
        # Whatever broke here, the change was made, and the report must say so.
        cause = error.message if isinstance(error, TunekitError) else repr(error)
        return f"what still runs on old values is not known: {cause}"
    text = sentence(findings)
    if _exit_code(findings) is ExitCode.OK:
        return text
    option = f" --netns {quote(netns)}" if netns else ""
    return f"{text}, see: tunekit stale {spelling(profile.path)}{option}{journal_option}"


def _settings(
    profile: Profile | None, earlier: Iterable[str], host: HostIdentity
) -> Mapping[str, tuple[Requirement, ...]]:
    """What a network namespace's own keys should be: as the profile wants them, else, where the
    journal has them, as they are here.
    """
    own = netns_scope(host)
    keys = (
        [setting.key for setting in profile.settings] if profile else map(SysctlKey.parse, earlier)
    )
    wanted = {each.key: each.requirements for each in profile.settings} if profile else {}
    sysctls = Sysctls()
    found = {}
    for key in keys:
        # What may not be shown is not compared: a report would give it away.
        if catalog.is_unsafe_to_read(key):
            continue
        if subject_of(key, catalog.find(key), host).scope != own:
            continue
        if requirements := wanted.get(key) or _as_here(sysctls.read(key), str(key)):
            found[str(key)] = requirements
    return found


def _as_here(reading: Reading, key: str) -> tuple[Requirement, ...]:
    if not isinstance(reading, Value):
        return ()
    value = value_of(key, reading.text)
    present = value.fields if isinstance(value, Numbers) else value
    return (Requirement(mode=Mode.EXACTLY, wanted=present),)


def sentence(findings: Sequence[Finding]) -> str:
    """The answer in one sentence."""
    old = {row.subject: row.check == NETWORK for row in findings if row.status in _OLD}
    networks = sum(old.values())
    parts = (
        (len(old) - networks, "program", "programs"),
        (networks, "group of other networks", "groups of other networks"),
    )
    unseen = sum(row.status is Status.UNKNOWN for row in findings)
    rest = f"; {unseen} could not be looked at" if unseen else ""
    if not old:
        return f"nothing that was seen runs on old values{rest}"
    what = " and ".join(counted(*part) for part in parts if part[0])
    return f"{what} {'runs' if len(old) == 1 else 'run'} on old values{rest}"


def _exit_code(findings: Sequence[Finding]) -> ExitCode:
    statuses = {row.status for row in findings}
    if statuses.intersection(_OLD):
        return ExitCode.NO
    return ExitCode.IMPOSSIBLE if Status.UNKNOWN in statuses else ExitCode.OK


def applied_last(state_dir: Path) -> tuple[Profile | None, tuple[str, ...]]:
    """The profile that was applied last, if any, and a remark on it."""
    try:
        last = last_applied(state_dir)
    except StateError:
        # That the journal cannot be read is a finding.
        return None, ()
    if last is None:
        return None, ("no profile has been applied: no limits are judged; name a profile",)
    try:
        return load_profile(last.path, variables=last.variables), (
            f"compared with {last.profile}, which transaction {last.id} applied last",
        )
    except TunekitError as error:
        return None, (f"{last.profile}, applied last, cannot be loaded any more: {error}",)


def _earlier(host: HostIdentity, state_dir: Path) -> tuple[Mapping[str, Sequence[str]], str]:
    """The earlier values, and why the journal could not be read."""
    try:
        with peek(state_dir) as journal:
            return (earlier_values(journal, host) if journal else {}), ""
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
        "programs": [_program(each) for each in running.programs if each.sockets],
        "networks": [
            {
                "name": each.name,
                "container": each.container,
                "pids": list(each.pids),
                "programs": list(each.programs),
                "devices": list(each.devices),
                "tcp_sockets": each.sockets,
                "values": dict(each.values),
                "closed": each.closed,
            }
            for each in running.networks
        ],
    }


def _program(program: Program) -> dict[str, Any]:
    # Autotuned sizes may be as many as there are connections: the commonest are enough.
    kinds = sorted(program.sockets, key=lambda each: -each.count)[:_KINDS_IN_A_REPORT]
    return {
        "name": program.name,
        "unit": program.group.unit,
        "container": program.group.container,
        "pids": list(program.pids),
        "nofile": [
            {"soft": str(soft), "hard": str(hard), "processes": len(members)}
            for (soft, hard), members in program.nofile.items()
        ],
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
        "sockets": [
            {
                "role": each.alike.role.value,
                "congestion": each.alike.congestion,
                "receive": each.alike.receive,
                "send": each.alike.send,
                "count": each.count,
                "looked_at": each.looked_at,
                "receive_locked": each.receive_locked,
                "send_locked": each.send_locked,
            }
            for each in kinds
        ],
    }
