"""Small profiles, snapshots and hosts for the engine's tests."""

from __future__ import annotations

from tunekit.engine.model import ScopeId, Subject
from tunekit.errors import Location
from tunekit.kernel.host import HostIdentity
from tunekit.kernel.readings import Reading, Value
from tunekit.kernel.snapshot import Snapshot
from tunekit.profile.model import Limit, Mode, Profile, Requirement, Setting
from tunekit.values import Ports, SysctlKey, Text

HOST = HostIdentity(
    hostname="host",
    boot_id="boot-1",
    kernel="6.18.0",
    machine="x86_64",
    netns_cookie=7,
    child_netns=False,
    uid=0,
    euid=0,
    capabilities=frozenset({"cap_sys_resource"}),
)
NETNS = ScopeId("netns", "boot-1/7")
WHOLE_HOST = ScopeId("host", "boot-1")


def at(line: int) -> Location:
    return Location(file="p.yaml", line=line)


def key(name: str) -> SysctlKey:
    return SysctlKey.parse(name)


def subject(name: str, scope: ScopeId = NETNS) -> Subject:
    return Subject(scope, name)


def requirement(
    wanted: tuple[int | None, ...] | Ports | Text | int, mode: Mode = Mode.EXACTLY
) -> Requirement:
    return Requirement(mode=mode, wanted=(wanted,) if isinstance(wanted, int) else wanted)


def at_least(*wanted: int | None) -> Requirement:
    return Requirement(mode=Mode.AT_LEAST, wanted=wanted)


def setting(
    name: str, *requirements: Requirement, optional: bool = False, prefer: tuple[str, ...] = ()
) -> Setting:
    return Setting(
        key=key(name),
        requirements=requirements,
        prefer=prefer,
        optional=optional,
        reason="because",
        location=at(5),
    )


def limit(name: str, *requirements: Requirement, optional: bool = False) -> Limit:
    return Limit(name=name, requirements=requirements, optional=optional, location=at(9))


def profile(
    *settings: Setting, limits: tuple[Limit, ...] = (), allow: tuple[str, ...] = ()
) -> Profile:
    return Profile(
        name="p",
        path="p.yaml",
        settings=settings,
        limits=limits,
        allow=frozenset(map(key, allow)),
    )


def snapshot(readings: dict[str, str | Reading], **more: object) -> Snapshot:
    return Snapshot(
        host=HOST,
        readings={
            key(name): Value(reading) if isinstance(reading, str) else reading
            for name, reading in readings.items()
        },
        **more,  # type: ignore[arg-type]
    )
