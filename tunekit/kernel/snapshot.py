"""Everything that a plan needs to know about this host, read once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from tunekit import catalog
from tunekit.catalog.model import Scope
from tunekit.errors import InvalidKey
from tunekit.kernel.host import HostIdentity
from tunekit.kernel.readings import Cause, Reading, Value
from tunekit.kernel.sysctl import Sysctls
from tunekit.records import dataclass
from tunekit.values import SysctlKey

PORT_RANGE = SysctlKey(("net", "ipv4", "ip_local_port_range"))
RESERVED_PORTS = SysctlKey(("net", "ipv4", "ip_local_reserved_ports"))
NR_OPEN = SysctlKey(("fs", "nr_open"))

_ALLOWED_CONTROLS = SysctlKey(("net", "ipv4", "tcp_allowed_congestion_control"))

# The keys whose values are names of kernel modules, with the list of what is loaded and the
# prefix of the modules that a write loads (tcp_set_default_congestion_control in
# net/ipv4/tcp_cong.c and qdisc_set_default in net/sched/sch_api.c).
_NAMED_BY_MODULE = {
    SysctlKey(("net", "ipv4", "tcp_congestion_control")): (
        SysctlKey(("net", "ipv4", "tcp_available_congestion_control")),
        "tcp_",
    ),
    SysctlKey(("net", "core", "default_qdisc")): (None, "sch_"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the machine says.

    `refusals` holds why a key that can be read cannot be written by this process. `partners` maps
    each key to the keys that a write to it moves. `choices` maps a key and a candidate value to
    the module that its write will load, empty when it is there already; a candidate that this
    kernel cannot give is absent. `limits` are this process's own, by name.
    """

    host: HostIdentity
    readings: Mapping[SysctlKey, Reading] = field(default_factory=dict)
    refusals: Mapping[SysctlKey, Cause] = field(default_factory=dict)
    partners: Mapping[SysctlKey, tuple[SysctlKey, ...]] = field(default_factory=dict)
    choices: Mapping[SysctlKey, Mapping[str, str]] = field(default_factory=dict)
    limits: Mapping[str, Reading] = field(default_factory=dict)
    listening: frozenset[int] = frozenset()

    def text(self, key: SysctlKey) -> str | None:
        """The value of a key as text, None where there is none to read."""
        reading = self.readings.get(key)
        return reading.text if isinstance(reading, Value) else None


def take(
    sysctls: Sysctls,
    host: HostIdentity,
    keys: Iterable[SysctlKey],
    *,
    candidates: Mapping[SysctlKey, tuple[str, ...]] | None = None,
    limits: Iterable[str] = (),
    for_writing: bool = True,
) -> Snapshot:
    """Read keys, their partners and what else decides whether they can be written.

    `candidates` are the values that a profile prefers, by key. `for_writing` also asks the kernel
    whether each key may be written, by opening and closing it, and what listens in a port range
    that may change; without it the only refusals are of keys that belong to the host and are
    merely shown in this namespace.
    """
    from tunekit.kernel.rlimits import ProcessLimits

    wanted = tuple(dict.fromkeys(keys))
    partners = {key: tuple(_moved_by(sysctls, key)) for key in wanted}
    more = {*_other_sides(wanted), *(key for moved in partners.values() for key in moved)}
    readings = {key: sysctls.read(key) for key in (*wanted, *sorted(more - set(wanted), key=str))}
    refusals = {}
    for key in wanted:
        if not isinstance(readings[key], Value):
            continue
        if for_writing:
            cause = sysctls.write_refusal(key)
        else:
            cause = Cause.ELSEWHERE if _only_shown(sysctls, key) else None
        if cause:
            refusals[key] = cause
    own = ProcessLimits()
    return Snapshot(
        host=host,
        readings=readings,
        refusals=refusals,
        partners={key: moved for key, moved in partners.items() if moved},
        choices={key: _available(sysctls, key, names) for key, names in (candidates or {}).items()},
        limits={name: own.read(name) for name in limits},
        listening=_listening() if for_writing and PORT_RANGE in wanted else frozenset(),
    )


def _only_shown(sysctls: Sysctls, key: SysctlKey) -> bool:
    tunable = catalog.find(key)
    return tunable is not None and tunable.scope is Scope.HOST_VISIBLE and sysctls.hides_host_keys


def _moved_by(sysctls: Sysctls, key: SysctlKey) -> Iterator[SysctlKey]:
    tunable = catalog.find(key)
    if tunable is None:
        return
    for pattern in (*tunable.moves, *filter(None, (tunable.exclusive,))):
        for moved in expand(sysctls, pattern):
            if moved != key:
                yield moved


def expand(sysctls: Sysctls, pattern: str) -> Iterator[SysctlKey]:
    """List the keys below the tree that match a dotted pattern whose only `*` is a whole part."""
    parts = pattern.split(".")
    if "*" not in parts:
        yield SysctlKey.parse(pattern)
        return
    star = parts.index("*")
    folder = sysctls.root.joinpath(*parts[:star])
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    except OSError:
        return
    for name in names:
        try:
            key = SysctlKey.parse("/".join((*parts[:star], name, *parts[star + 1 :])))
        except InvalidKey:
            continue
        if sysctls.has(key):
            yield key


def _other_sides(keys: tuple[SysctlKey, ...]) -> Iterator[SysctlKey]:
    names = {str(key) for key in keys}
    for invariant in catalog.INVARIANTS:
        sides = (invariant.low[0], invariant.high[0])
        if names.intersection(sides):
            yield from map(SysctlKey.parse, sides)
    if PORT_RANGE in keys:
        yield RESERVED_PORTS
    yield NR_OPEN


def _available(sysctls: Sysctls, key: SysctlKey, names: tuple[str, ...]) -> dict[str, str]:
    from tunekit.kernel import modules

    if key not in _NAMED_BY_MODULE:
        return dict.fromkeys(names, "")
    listed_in, prefix = _NAMED_BY_MODULE[key]
    loaded: set[str] = set()
    for source in filter(None, (listed_in, key)):
        reading = sysctls.read(source)
        if isinstance(reading, Value):
            loaded.update(reading.text.split())
    found = {}
    if sysctls.hides_host_keys and listed_in is not None:
        # Outside of the first namespace only what its administrator allows may be the default
        # (tcp_set_default_congestion_control: EPERM), and a write loads no module that is.
        allowed = sysctls.read(_ALLOWED_CONTROLS)
        shown = allowed.text.split() if isinstance(allowed, Value) else ()
        return dict.fromkeys([name for name in names if name in shown], "")
    for name in names:
        if name in loaded:
            found[name] = ""
        elif modules.loadable(prefix + name):
            found[name] = prefix + name
    return found


def _listening() -> frozenset[int]:
    from tunekit.kernel.listeners import listening_ports

    return listening_ports()
