"""Forecasting: how many connections this host carries, and what stops it first."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from tunekit.api import judging
from tunekit.api.session import here, summary, within
from tunekit.api.targets import Target, arriving
from tunekit.check import capacity as loopback
from tunekit.check import service as services
from tunekit.check.footprint import Footprint
from tunekit.check.ladder import Forecast, Rung
from tunekit.check.model import Status
from tunekit.check.proposal import propose
from tunekit.check.service import Role, Service
from tunekit.errors import ExitCode, ReadFailed, TunekitError, UsageError
from tunekit.kernel import capacity_facts
from tunekit.kernel.capacity_facts import CapacityFacts
from tunekit.kernel.host import facts as size_of_host
from tunekit.kernel.readings import Value
from tunekit.profile.limits import wanted_limit
from tunekit.profile.model import Profile
from tunekit.report.model import Report


class Ends(Enum):
    """Which ends of the connections are on this host."""

    SERVER = "server"
    CLIENT = "client"
    PROXY = "proxy"
    LOOPBACK = "loopback"
    """Both, in as many pairs of processes as it takes: what `verify` opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What is asked, with what a profile says of it."""

    ends: Ends
    service: Service
    processes: int | None
    profile: Profile | None
    file: Path | None


def capacity(
    connections: int | None = None,
    *,
    profile: Profile | None = None,
    ends: Ends = Ends.SERVER,
    processes: int | None = None,
    nofile: int | None = None,
    destinations: int | None = None,
    sources: int = 1,
    rate: float | None = None,
    active: float = 0.01,
    queued: int | None = None,
    app_bytes: int = 0,
    write_profile: Path | None = None,
    unit: str = "",
    user: str = "",
    pid: int | None = None,
    netns: str | None = None,
) -> Report:
    """Tell every limit between this host and a number of connections. Opens none.

    The number is `connections`, else what the profile promises; without either the answer is how
    many are carried. `processes` and `nofile`, the descriptor limit of each, come from the profile
    where it has them; else it is one process with the soft limit of this one. A systemd service
    `unit`, the sessions of `user` or the process `pid` have one of their own. A client or proxy
    connects to `destinations` (address and port pairs) from `sources` addresses. `rate`
    connections a second begin, and as many end. At a time the part `active` of the connections has
    `queued` bytes in its buffers (None: what the kernel begins with), and the program takes
    `app_bytes` for each. `write_profile` names a new file for the profile that lifts the limits.

    The exit code is 0 when all are carried, 1 when a limit is too low, 3 when one that matters is
    not shown here. Raises UsageError for a question that makes no sense, and for a unit or user
    that there is not; ReadFailed for limits that cannot be told.
    """
    count = _promised(profile) if connections is None else connections
    outgoing = ends in (Ends.CLIENT, Ends.PROXY)
    if outgoing and destinations is None:
        raise UsageError(
            f"a {ends.value} has destinations", hint="say how many: --outgoing DESTINATIONS"
        )
    if destinations is not None and not outgoing:
        raise UsageError(
            f"--outgoing is for a client or a proxy, not for {ends.value}", hint="--role proxy"
        )
    if write_profile is not None and (count is None or ends is Ends.LOOPBACK):
        raise UsageError(
            "a profile is written for a number of connections of a server, client or proxy",
            key=str(write_profile),
            hint="give --connections N and no --role loopback",
        )
    whose = ""
    target = Target(unit=unit, user=user, pid=pid)
    if nofile is None and target != Target():
        nofile, whose = _nofile_of(target)
    given = processes or (profile.variables.get("processes") if profile else None)
    service = Service(
        role=Role.SERVER if ends is Ends.LOOPBACK else Role(ends.value),
        connections=count or 0,
        processes=given or 1,
        nofile=nofile,
        whose=whose,
        destinations=destinations or 1,
        sources=sources,
        rate=rate,
        active=active,
        queued=queued,
        app_bytes=app_bytes,
    )
    question = _Question(
        ends=ends, service=service, processes=given, profile=profile, file=write_profile
    )
    return within(netns, lambda: _answer(question))


def _nofile_of(target: Target) -> tuple[int, str]:
    got = arriving(target, ["nofile"], run="")
    reading = got.limits["nofile"]
    if not isinstance(reading, Value):
        raise ReadFailed(
            f"the nofile of {got.whose} cannot be told",
            hint="give it: --nofile N; see tunekit inspect --limits",
        )
    return int(reading.text.split()[0]), got.whose


def _promised(profile: Profile | None) -> int | None:
    if profile is None:
        return None
    if profile.probe is not None:
        return profile.probe.connections
    return profile.variables.get("connections")


def _answer(question: _Question) -> Report:
    facts = capacity_facts.gather()
    service = replace(question.service, nofile=_nofile(question, facts))
    if question.ends is Ends.LOOPBACK:
        demand = loopback.Demand(
            connections=service.connections,
            processes=question.processes,
            nofile=question.service.nofile,
            memory_share=service.memory_share,
            rate=service.rate,
        )
        ladder, memory = loopback.forecast(demand, facts), None
    else:
        ladder, memory = services.forecast(service, facts), services.model(service, facts)
    report = Report(
        command="capacity",
        exit_code=_code(ladder),
        verdict=_sentence(ladder, question.ends),
        next_step=ladder.obstacle.remedy if ladder.obstacle else "",
        host=here(),
        profile=summary(question.profile) if question.profile else None,
        findings=judging.rungs(ladder),
        data=_data(ladder, question.ends, memory),
    )
    if question.file is None:
        return report
    proof = loopback.forecast(
        loopback.Demand(connections=ladder.wanted, memory_share=service.memory_share), facts
    )
    _write(question.file, propose(service, ladder, proof, size_of_host()))
    return replace(report, next_step=f"the profile is written: tunekit apply {question.file}")


def _nofile(question: _Question, facts: CapacityFacts) -> int | None:
    """The soft limit of the service's processes: as given, else as its profile makes it."""
    if question.service.nofile is not None or question.profile is None:
        return question.service.nofile
    for limit in question.profile.limits:
        if limit.name == "nofile":
            return wanted_limit(f"{facts.nofile_soft} {facts.nofile_hard}", limit).fields[0]
    return None


def _code(ladder: Forecast) -> ExitCode:
    if ladder.obstacle is not None:
        return ExitCode.NO
    return ExitCode.IMPOSSIBLE if ladder.unknown else ExitCode.OK


_AS = {
    Ends.SERVER: "as a server",
    Ends.CLIENT: "as a client",
    Ends.PROXY: "as a proxy",
    Ends.LOOPBACK: "with both ends on it",
}


def _sentence(ladder: Forecast, ends: Ends) -> str:
    first, then = ladder.lowest, ladder.after
    hidden = ", ".join(rung.limit for rung in ladder.unknown)
    if ladder.obstacle is not None:
        text = f"this host does not carry {ladder.wanted} connections {_AS[ends]}: " + _met(
            ladder.obstacle
        )
    elif hidden:
        number = f"{ladder.wanted} " if ladder.wanted else "any number of "
        return f"whether this host carries {number}connections {_AS[ends]} cannot be told: " + (
            f"{hidden} {'is' if len(ladder.unknown) == 1 else 'are'} not shown here"
        )
    elif first is None:
        return "no limit is known"
    else:
        number = f"{ladder.wanted or first.allows}"
        text = f"this host carries {number} connections {_AS[ends]}; the first limit is " + _met(
            first
        )
    if then is not None:
        text += f", the next {_met(then)}"
    return f"{text}; not shown here: {hidden}" if hidden else text


def _met(rung: Rung) -> str:
    return f"{rung.limit} at {rung.allows}"


def _data(ladder: Forecast, ends: Ends, memory: Footprint | None) -> Mapping[str, Any]:
    """The ladder and the model of memory, JSON-ready."""
    first, then = ladder.lowest, ladder.after
    data: dict[str, Any] = {
        "role": ends.value,
        "connections": ladder.wanted or None,
        "carries": ladder.carries,
        "first": first.limit if first else None,
        "next": then.limit if then else None,
        "ladder": [_rung(rung, ladder.wanted) for rung in ladder.rungs],
        "memory": None,
    }
    if memory is not None:
        count = ladder.wanted or ladder.carries or 0
        data["memory"] = {
            "connections": count,
            "active": memory.share,
            "parts": [
                {"name": part.name, "at_rest": part.at_rest, "active": part.active}
                for part in memory.parts
            ],
            "at_rest": count * memory.at_rest,
            "under_load": memory.under_load(count),
        }
    return data


def _rung(rung: Rung, wanted: int) -> dict[str, Any]:
    status = rung.status(wanted)
    return {
        "limit": rung.limit,
        "value": None if rung.value is None else str(rung.value),
        "in_use": rung.used,
        "allows": rung.allows,
        "status": status.value,
        "why": rung.why,
        "remedy": rung.remedy,
        "profile": rung.lift.statement if rung.lift and status is Status.FAIL else "",
        "section": ("limits" if rung.lift.limit else "sysctl") if rung.lift else "",
    }


def _write(path: Path, text: str) -> None:
    """Write a new file, whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            beside.write_text(text, encoding="utf-8")
            beside.chmod(0o644)
            # Unlike a rename, it does not replace what is there.
            path.hardlink_to(beside)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> TunekitError:
    exists = isinstance(error, FileExistsError)
    return TunekitError(
        f"cannot be written: {(error.strerror or 'no space').lower()}",
        path=str(path),
        errno=error.errno,
        hint="name a new file" if exists else "name a file in a folder that you may write to",
    )
