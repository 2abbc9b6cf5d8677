"""What limits a systemd unit and a user's sessions get, from the files that set them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from tunekit.api.targets import Target
from tunekit.check import limit_traps
from tunekit.check.facts import Arriving
from tunekit.check.model import Finding
from tunekit.errors import UsageError
from tunekit.files import limits_d, pam_services, runtimes, unit_limits
from tunekit.files.limits_d import UNLIMITED, Session, Side
from tunekit.files.root import Root
from tunekit.files.unit_files import find_unit, unit_name
from tunekit.kernel import systemd
from tunekit.kernel.accounts import Person, find_person
from tunekit.kernel.processes import Group, parse_limits
from tunekit.kernel.readings import Missing, Reading, Value
from tunekit.kernel.rlimits import NAMES
from tunekit.kernel.sysctl import Sysctls
from tunekit.profile.find import spelling
from tunekit.values import SysctlKey

if TYPE_CHECKING:
    from tunekit.files.boot import Boot
    from tunekit.profile.model import Profile

_PROC = Path("/proc")
_NR_OPEN = SysctlKey(("fs", "nr_open"))
_NR_OPEN_DEFAULT = 1 << 20
_MANAGER = "the limits of process 1"

Sides = Mapping[str, tuple[Side, Side]]


def of_service(target: Target, names: Iterable[str]) -> Arriving:
    """Find out what limits a unit, a user's sessions or containers get, each with where it comes
    from. Raises UsageError for a unit, user or runtime that there is not.
    """
    wanted = tuple(dict.fromkeys(names))
    with Root() as root:
        if target.unit:
            return _of_unit(root, unit_name(target.unit), wanted)
        if target.runtime:
            return _of_containers(root, target.runtime, wanted)
        return _of_user(root, find_person(target.user), wanted)


def origins_of_process(group: Group, limits: Mapping[str, Reading]) -> dict[str, tuple[str, str]]:
    """Where a process has its limits from, where the unit that it runs in says the same."""
    with Root() as root:
        unit = unit_limits.read_unit(root, group.unit, nr_open=nr_open())
    found = {}
    for name, reading in limits.items():
        pair = unit.limits.get(name)
        if pair is not None and isinstance(reading, Value):
            same = reading.text == f"{pair[0].value} {pair[1].value}"
            found[name] = _origins(pair) if same else (f"other than {group.unit} has now",) * 2
    return found


def nr_open() -> int | None:
    """fs.nr_open, None where it is not shown."""
    reading = Sysctls().read(_NR_OPEN)
    return int(reading.text) if isinstance(reading, Value) else None


def nr_open_after(boot: Boot) -> int:
    """fs.nr_open once a system has booted."""
    text = boot.value(_NR_OPEN)
    return int(text) if text else _NR_OPEN_DEFAULT


def of_unit_below(folder: Path, unit: str, profile: Profile | None, *, nr_open: int) -> Arriving:
    """Find out what limits a unit of another system gets, by its files alone, and how those of a
    profile would be made to arrive.

    `nr_open` is what fs.nr_open will be there. Raises UsageError for a unit that is not there.
    """
    with Root(folder) as root:
        found = unit_limits.read_unit(root, unit, nr_open=nr_open)
    if found.files.fragment is None:
        raise UsageError(f"no unit named {unit} below {folder}", hint="see its /etc/systemd")
    if found.files.masked:
        raise UsageError(f"{unit} is masked: it does not start", hint=f"see it below {folder}")
    manager_hard = min(unit_limits.DEFAULT_HARD, nr_open)
    remarks = limit_traps.of_unit(
        found.limits, found.bad, unit=unit, nr_open=nr_open, manager_hard=manager_hard
    )
    remedy = ""
    if profile is not None:
        name = quote(spelling(profile.path))
        remedy = f"tunekit persist {name} --unit {unit} --root {quote(str(folder))}"
    return Arriving(
        whose=unit,
        limits=_readings(_within(found.limits, nr_open, manager_hard), found.limits),
        origins={name: _origins(pair) for name, pair in found.limits.items()},
        remedy=remedy,
        endless="infinity",
        unread="it is what process 1 has when the system boots",
        remarks=tuple(remarks),
    )


def _of_unit(root: Root, name: str, names: Iterable[str]) -> Arriving:
    ceiling = nr_open()
    unit = unit_limits.read_unit(root, name, nr_open=ceiling)
    loaded = systemd.loaded_unit(name)
    if unit.files.fragment is None and (loaded is None or loaded.load != "loaded"):
        raise UsageError(f"no unit named {name}", hint="see systemctl list-unit-files")
    if unit.files.masked:
        raise UsageError(f"{name} is masked: it does not start", hint=f"systemctl unmask {name}")
    manager = parse_limits(_read(1, "limits")) if systemd.is_running() else {}
    manager_hard = manager["nofile"][1] if "nofile" in manager else None
    sides = {**_sides(manager, _MANAGER), **unit.limits}
    sides = {limit: pair for limit, pair in sides.items() if limit in NAMES}
    remarks = list(
        limit_traps.of_unit(
            unit.limits, unit.bad, unit=name, nr_open=ceiling, manager_hard=manager_hard
        )
    )
    if loaded is not None and loaded.load == "loaded":
        running = parse_limits(_read(loaded.main_pid, "limits")) if loaded.main_pid else {}
        sides = _as_loaded(sides, loaded, ceiling)
        remarks += limit_traps.of_loaded_unit(loaded, running)
    remarks += _of_pam(root, unit, name)
    return Arriving(
        whose=name,
        limits=_readings(_within(sides, ceiling, manager_hard), names),
        origins={limit: _origins(pair) for limit, pair in sides.items()},
        remedy=_drop_in(name, reload=systemd.is_running()),
        endless="infinity",
        unread="process 1 gives it, which is not systemd here",
        remarks=tuple(remarks),
    )


def _as_loaded(
    sides: Sides, loaded: systemd.LoadedUnit, ceiling: int | None
) -> dict[str, tuple[Side, Side]]:
    """The limits that systemd has loaded, with the lines of the files that say the same."""
    found = dict(sides)
    for name, pair in _sides(loaded.limits, "what systemd has loaded").items():
        soft, hard = (_known(side, name, ceiling) for side in pair)
        said = sides.get(name)
        if said is None or (said[0].value, said[1].value) != (soft.value, hard.value):
            found[name] = soft, hard
    return found


def _known(side: Side, name: str, ceiling: int | None) -> Side:
    if side.value == UNLIMITED and name == "nofile" and ceiling is not None:
        return Side(value=ceiling, origin=side.origin, unlimited=True)
    return side


def _within(sides: Sides, ceiling: int | None, manager_hard: int | None) -> Sides:
    """The limits that the kernel lets systemd set: what it refuses becomes the manager's own."""
    pair = sides.get("nofile")
    if pair is None or ceiling is None or pair[1].value is None or pair[1].value <= ceiling:
        return sides
    hard = manager_hard if manager_hard is not None and 0 <= manager_hard <= ceiling else None
    soft = None if hard is None else min(pair[0].value or 0, hard)
    cut = (
        Side(value=soft, origin=pair[0].origin),
        Side(value=hard, origin=pair[1].origin),
    )
    return {**sides, "nofile": cut}


def _of_pam(root: Root, unit: unit_limits.UnitLimits, name: str) -> list[Finding]:
    if not unit.pam or pam_services.limits_of(root, unit.pam) is None:
        return []
    return [limit_traps.pam_has_the_last_word(name, unit.pam, unit.user)]


def _drop_in(name: str, *, reload: bool) -> str:
    folder = f"/etc/systemd/system/{name}.d"
    text = (
        f"mkdir -p {folder} && printf '[Service]\\nLimit{{NAME}}={{soft}}:{{hard}}\\n' > "
        f"{folder}/zz-{{name}}.conf"
    )
    return text + (f" && systemctl daemon-reload && systemctl restart {name}" if reload else "")


def _of_user(root: Root, person: Person, names: Iterable[str]) -> Arriving:
    ceiling, debian = nr_open(), limits_d.is_debian(root)
    lines = limits_d.read_lines(root)
    start = limits_d.debian_start(parse_limits(_read(1, "limits"))) if debian else {}
    session = limits_d.session(lines, person, start, nr_open=ceiling, debian=debian)
    services = pam_services.services(root)
    remarks = list(limit_traps.of_session(lines, session, nr_open=ceiling, debian=debian))
    if not services:
        remarks.append(limit_traps.no_service_reads_them())
    limits = session.limits if services and session.spared is None else {}
    texts = [quote(f"{person.name} {kind} {{name}} {{{kind}}}") for kind in ("soft", "hard")]
    file = quote(f"{limits_d.FOLDER}/zz-{person.name}-{{name}}.conf")
    return Arriving(
        whose=f"sessions of {person.name}",
        limits=_readings(limits, names),
        origins={name: _origins(pair) for name, pair in limits.items()},
        remedy=f"printf '%s\\n' {' '.join(texts)} > {file}",
        units=limits_d.FACTORS,
        unread=_unread(session),
        remarks=tuple(remarks),
    )


def _of_containers(root: Root, runtime: str, names: Iterable[str]) -> Arriving:
    if runtime not in runtimes.RUNTIMES:
        raise UsageError(
            f"{runtime!r} is no container runtime that is known here",
            hint=f"one of {', '.join(runtimes.RUNTIMES)}",
        )
    own = runtimes.read_runtime(root, runtime)
    unit = next((each for each in own.units if find_unit(root, each).fragment), None)
    if own.units and unit is None:
        raise UsageError(f"no {' or '.join(own.units)} here", hint="see systemctl list-unit-files")
    wanted = tuple(names)
    base = _of_unit(root, unit, wanted) if unit else Arriving(whose="")
    ceiling = nr_open()
    limits = {**base.limits, **_readings(own.limits, own.limits)}
    run = "docker" if runtime == "docker" else "podman"
    remedies = {
        "containerd": base.remedy,
        "crio": "add {name}={soft}:{hard} to default_ulimits below [crio.runtime] in "
        "/etc/crio/crio.conf.d, and systemctl restart crio",
    }
    return Arriving(
        whose=f"containers of {runtime}",
        limits={name: limits.get(name, Missing()) for name in wanted},
        origins={
            **base.origins,
            **{name: _origins(pair) for name, pair in own.limits.items()},
        },
        remedy=remedies.get(runtime, f"{run} run --ulimit {{name}}={{soft}}:{{hard}} IMAGE"),
        endless="infinity" if runtime == "containerd" else "-1",
        unread="who starts the container decides",
        remarks=(
            *base.remarks,
            *limit_traps.of_containers(own.limits, own.bad, runtime=runtime, nr_open=ceiling),
        ),
    )


def _unread(session: Session) -> str:
    if session.spared is not None:
        return f"{session.spared} spares it: what opens the session decides"
    return "what opens the session decides"


def _sides(limits: Mapping[str, tuple[int, int]], origin: str) -> dict[str, tuple[Side, Side]]:
    from tunekit.files.model import Origin

    where = Origin(file=origin)
    return {
        name: (Side(value=soft, origin=where), Side(value=hard, origin=where))
        for name, (soft, hard) in limits.items()
    }


def _readings(sides: Sides, names: Iterable[str]) -> dict[str, Reading]:
    found: dict[str, Reading] = {}
    for name in names:
        soft, hard = sides.get(name, (None, None))
        known = soft is not None and hard is not None and None not in (soft.value, hard.value)
        found[name] = Value(f"{soft.value} {hard.value}") if known and soft and hard else Missing()
    return found


def _origins(pair: tuple[Side, Side]) -> tuple[str, str]:
    soft, hard = (
        f"{side.origin} (no limit: fs.nr_open)" if side.unlimited else str(side.origin)
        for side in pair
    )
    return soft, hard


def _read(pid: int, name: str) -> str:
    try:
        return (_PROC / str(pid) / name).read_text(errors="surrogateescape")
    except OSError:
        return ""
