"""The other network namespaces of this host, and what their own copies of settings are.

Found through the processes in them and through the names below /run/netns. One child process goes
through all of them: entering cannot be undone, and each costs it two system calls.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tunekit.errors import NamespaceError, ReadFailed, TunekitError
from tunekit.kernel import counters, namespaces
from tunekit.kernel.child import call
from tunekit.kernel.processes import Process
from tunekit.kernel.readings import Value
from tunekit.kernel.sysctl import Sysctls
from tunekit.values import SysctlKey

_GONE = (errno.ENOENT, errno.ESRCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Another network namespace. `name` is that of `ip netns`, empty where it has none.

    `programs` are the names of the processes in it, `pids` their ids. `values` are those of the
    keys that were asked for and are there; `devices` its network devices without the loopback,
    `sockets` its TCP sockets. `closed` says why it could not be entered, and is empty otherwise.
    """

    inode: int
    name: str = ""
    container: str = ""
    pids: tuple[int, ...] = ()
    programs: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    sockets: int = 0
    closed: str = ""

    @property
    def spec(self) -> str:
        """What --netns takes for it."""
        return self.name or str(self.pids[0])

    @property
    def carries_load(self) -> bool:
        """Tell whether anything can come in: a service's PrivateNetwork has a loopback alone."""
        return bool(self.devices or self.sockets)


def other_networks(
    seen: Iterable[Process],
    here: int | None,
    keys: Collection[SysctlKey],
    *,
    named: Path = namespaces.NAMED,
) -> tuple[Network, ...]:
    """Find the network namespaces other than `here` and read keys in each.

    What cannot be entered is `closed`; what ended meanwhile is left out.
    """
    found = list(find(seen, here, named=named))
    if not found:
        return ()
    try:
        visited = call(lambda: [_visit(each, keys, named) for each in found])
    except TunekitError as error:
        # Only the main thread can have a child look, or the child was killed.
        return tuple(replace(each, closed=error.message) for each in found)
    return tuple(each for each in visited if each is not None)


def find(
    seen: Iterable[Process], here: int | None, *, named: Path = namespaces.NAMED
) -> Iterator[Network]:
    """Find the other network namespaces without entering any."""
    members: dict[int, list[Process]] = {}
    for each in seen:
        if each.network not in (here, None):
            members.setdefault(each.network or 0, []).append(each)
    names = dict(_names(named))
    for inode in dict.fromkeys((*members, *names)):
        inside = members.get(inode, [])
        if inode != here:
            yield Network(
                inode=inode,
                name=names.get(inode, ""),
                container=next((p.group.container for p in inside if p.group.container), ""),
                pids=tuple(each.pid for each in inside),
                programs=tuple(dict.fromkeys(each.name for each in inside)),
            )


def _names(named: Path) -> Iterator[tuple[int, str]]:
    """Inode and name of what `ip netns add` made and nobody deleted."""
    try:
        kind = Path("/proc/thread-self/ns/net").stat().st_dev
        entries = sorted(named.iterdir())
    except OSError:
        return
    for path in entries:
        try:
            status = path.stat()
        except OSError:
            continue
        # A file that is left over from one is on another file system.
        if status.st_dev == kind:
            yield status.st_ino, path.name


def _visit(network: Network, keys: Collection[SysctlKey], named: Path) -> Network | None:
    """Enter a namespace for good and read there; None when it has ended."""
    try:
        namespaces.enter(network.spec, named=named)
    except NamespaceError as error:
        if error.errno in _GONE:
            return None
        return replace(network, closed=error.message)
    sysctls = Sysctls()
    readings = ((str(key), sysctls.read(key)) for key in keys)
    return replace(
        network,
        values={key: found.text for key, found in readings if isinstance(found, Value)},
        devices=_devices(),
        sockets=_sockets(),
    )


def _devices() -> tuple[str, ...]:
    try:
        table = Path("/proc/thread-self/net/dev").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    return parse_devices(table)


def parse_devices(table: str) -> tuple[str, ...]:
    """Take the devices but for the loopback out of /proc/net/dev."""
    names = (line.partition(":")[0].strip() for line in table.splitlines()[2:])
    return tuple(name for name in names if name != "lo")


def _sockets() -> int:
    try:
        counts: Sequence[int] = (
            counters.sockstat().get("TCP.inuse", 0),
            counters.sockstat6().get("TCP6.inuse", 0),
        )
    except ReadFailed:
        return 0
    return sum(counts)
