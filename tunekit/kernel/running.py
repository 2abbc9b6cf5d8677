"""What the programs of this host run on: backlogs, descriptor limits, congestion control, buffers.

Everything that a program took from a setting when it began and keeps until it begins anew.
Gathered by program, and not by socket: a hundred thousand of them are a few lines.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice, repeat, zip_longest
from pathlib import Path
from typing import NamedTuple

from tunekit.kernel import sockdiag
from tunekit.kernel.counters import PROC
from tunekit.kernel.descriptors import Held, Lock, buffer_locks, held_sockets
from tunekit.kernel.networks import Network, other_networks
from tunekit.kernel.processes import NO_GROUP, Group, Process, are_hidden, own_network, processes
from tunekit.kernel.readings import Value
from tunekit.kernel.sockdiag import Connection, Listener
from tunekit.kernel.sysctl import Sysctls
from tunekit.values import SysctlKey

KEYS = (
    "net.core.somaxconn",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.core.rmem_max",
    "net.core.wmem_max",
    "net.core.rmem_default",
    "net.core.wmem_default",
)
"""The settings that a socket keeps the value of that it began with."""

_LOOKS_AT_A_KIND = 100
_LOOKS = 10_000


class Role(Enum):
    """What a socket is for."""

    LISTENER = "listener"
    CONNECTION = "connection"
    DATAGRAM = "datagram"


class Likeness(NamedTuple):
    """What sockets are grouped by. Sizes are in bytes, None where the kernel does not say."""

    role: Role
    congestion: str
    receive: int | None
    send: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """Sockets of a program that are alike.

    `looked_at` is at how many of them was looked for locked buffers; `receive_locked` and
    `send_locked` how many of those were; `refused` how many may not be looked at.
    """

    alike: Likeness
    count: int
    looked_at: int = 0
    receive_locked: int = 0
    send_locked: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Processes of one name in one unit. `pids` are in order, the oldest as a rule first.

    `nofile` are the process ids by their soft and hard limit; `unreadable` are those whose
    descriptors may not be seen. `activated` says that systemd holds the listeners too. One with an
    empty name stands for the sockets of which it cannot be told whose they are.
    """

    name: str
    group: Group = NO_GROUP
    pids: tuple[int, ...] = ()
    nofile: Mapping[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)
    unreadable: int = 0
    listeners: tuple[Listener, ...] = ()
    sockets: tuple[Sockets, ...] = ()
    activated: bool = False

    @property
    def connections(self) -> int:
        """How many connections it has."""
        return sum(each.count for each in self.sockets if each.alike.role is Role.CONNECTION)

    @property
    def is_nobody(self) -> bool:
        """Tell whether it stands for the sockets of programs that may not be seen."""
        return not self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What `gather` found. `present` are the values of KEYS now, without those that cannot be read.

    `networks` are the other network namespaces, `astray` how many processes may be in one and
    may not be asked. `hidden` says that /proc does not show the processes of others, `unasked` why
    sock_diag could not be asked, empty when it was.
    """

    programs: tuple[Program, ...]
    present: Mapping[str, str]
    processes: int = 0
    networks: tuple[Network, ...] = ()
    astray: int = 0
    hidden: bool = False
    unasked: str = ""

    @property
    def every_holder_seen(self) -> bool:
        """Tell whether each socket has a program: who cannot be looked at then holds none alone."""
        return not self.unasked and not any(each.is_nobody for each in self.programs)


def gather(
    *, locks: bool = True, elsewhere: Collection[SysctlKey] | None = None, proc: Path = PROC
) -> Running:
    """Look at every process of this network namespace and at every socket.

    `locks` also looks for buffers that programs have set, through a copy of their descriptors.
    `elsewhere` are keys to read in every other network namespace, None to leave those alone. What
    cannot be seen is counted; nothing is raised for it.
    """
    here = own_network(proc)
    everybody = [each for each in processes(proc) if each.pid != os.getpid()]
    seen = [each for each in everybody if each.network in (here, None)]
    networks: tuple[Network, ...] = ()
    if elsewhere is not None:
        # Before anything large is in memory: a child has a copy of it.
        networks = other_networks(everybody, here, elsewhere)
    held = held_sockets((each.pid for each in seen), proc=proc)
    tally = _Tally(seen, held)
    unasked = ""
    try:
        tally.add_all()
    except OSError as error:
        # No CONFIG_INET_DIAG, or a sandbox without netlink.
        unasked = error.strerror or str(error)
    if locks:
        tally.look()
    return Running(
        programs=tuple(tally.programs()),
        present=dict(_present(Sysctls(proc / "sys"))),
        processes=len(seen),
        networks=networks,
        astray=0 if elsewhere is None else sum(each.network is None for each in seen),
        hidden=are_hidden(proc),
        unasked=unasked,
    )


def _present(sysctls: Sysctls) -> Iterator[tuple[str, str]]:
    for key in KEYS:
        reading = sysctls.read(SysctlKey.parse(key))
        if isinstance(reading, Value):
            yield key, reading.text


def _by_limit(members: Iterable[Process]) -> Mapping[tuple[int, int], tuple[int, ...]]:
    found: dict[tuple[int, int], list[int]] = {}
    for each in members:
        if each.nofile is not None:
            found.setdefault(each.nofile, []).append(each.pid)
    return {limits: tuple(pids) for limits, pids in found.items()}


@dataclass(slots=True)
class _Kind:
    """Sockets of a program that are alike, and the inodes of some of them."""

    count: int = 0
    examples: list[int] = field(default_factory=list)
    looked_at: int = 0
    receive_locked: int = 0
    send_locked: int = 0
    refused: int = 0

    def saw(self, lock: Lock | None) -> None:
        """Add what one look found."""
        if lock is None:
            self.refused += 1
            return
        self.looked_at += 1
        self.receive_locked += lock.receive
        self.send_locked += lock.send


class _Tally:
    """Counts sockets by the programs that hold them."""

    def __init__(self, seen: Iterable[Process], held: Held) -> None:
        self._held = held
        # The first stands for nobody that can be seen.
        self._members: dict[tuple[str, Group], list[Process]] = {("", NO_GROUP): []}
        for each in seen:
            self._members.setdefault((each.name, each.group), []).append(each)
        self._program_of = {
            each.pid: number
            for number, members in enumerate(self._members.values())
            for each in members
        }
        self._listeners: dict[int, list[Listener]] = {}
        self._kinds: dict[tuple[int, Likeness], _Kind] = {}

    def add_all(self) -> None:
        """Count every socket of this network namespace. Raises OSError without sock_diag."""
        listening = sockdiag.listeners()
        for each in listening:
            holder = self._held.holders.get(each.inode)
            number = 0 if holder is None else self._program_of[holder.pid]
            self._listeners.setdefault(number, []).append(each)
        as_sockets = (Connection(each.inode, "", each.receive, each.send) for each in listening)
        self._count(Role.LISTENER, as_sockets)
        self._count(Role.CONNECTION, sockdiag.connections())
        self._count(Role.DATAGRAM, sockdiag.datagrams())

    def _count(self, role: Role, found: Iterable[Connection]) -> None:
        # A hundred thousand times: plain tuples, and no call that is not needed.
        holders, program_of = self._held.holders, self._program_of
        kinds: dict[tuple[int, str, int | None, int | None], _Kind] = {}
        for inode, congestion, receive, send in found:
            if not inode:
                # Not accepted yet, or closed already: it is no program's.
                continue
            holder = holders.get(inode)
            number = 0 if holder is None else program_of[holder[0]]
            kind = kinds.get((number, congestion, receive, send))
            if kind is None:
                kind = kinds[number, congestion, receive, send] = _Kind()
            kind.count += 1
            if kind.count <= _LOOKS_AT_A_KIND and holder is not None:
                kind.examples.append(inode)
        for (number, congestion, receive, send), kind in kinds.items():
            self._kinds[number, Likeness(role, congestion, receive, send)] = kind

    def look(self) -> None:
        """Look at some sockets of each kind for locked buffers."""
        rounds = zip_longest(*(zip(kind.examples, repeat(kind)) for kind in self._kinds.values()))
        chosen = islice((one for each in rounds for one in each if one is not None), _LOOKS)
        holders = self._held.holders
        # Those of one process together.
        wanted = sorted(
            ((inode, holders[inode], kind) for inode, kind in chosen), key=lambda each: each[1]
        )
        locks = buffer_locks((inode, holder) for inode, holder, _ in wanted)
        for (*_, kind), lock in zip(wanted, locks, strict=True):
            kind.saw(lock)

    def programs(self) -> Iterator[Program]:
        """Every program, in the order of their oldest processes."""
        sockets: dict[int, list[Sockets]] = {}
        for (number, alike), kind in self._kinds.items():
            sockets.setdefault(number, []).append(
                Sockets(
                    alike=alike,
                    count=kind.count,
                    looked_at=kind.looked_at,
                    receive_locked=kind.receive_locked,
                    send_locked=kind.send_locked,
                    refused=kind.refused,
                )
            )
        for number, ((name, group), members) in enumerate(self._members.items()):
            listeners = tuple(self._listeners.get(number, ()))
            if not members and number not in sockets:
                continue
            yield Program(
                name=name,
                group=group,
                pids=tuple(each.pid for each in members),
                nofile=_by_limit(members),
                unreadable=sum(each.pid in self._held.denied for each in members),
                listeners=listeners,
                sockets=tuple(sockets.get(number, ())),
                activated=any(each.inode in self._held.activated for each in listeners),
            )
