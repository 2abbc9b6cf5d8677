"""The host's sockets, memory and counters at one moment, around a load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tunekit.errors import ReadFailed
from tunekit.kernel import cgroups, counters

WATCHED = (
    "TcpExt.ListenOverflows",
    "TcpExt.ListenDrops",
    "TcpExt.TCPReqQFullDrop",
    "TcpExt.TCPAbortOnMemory",
    "TcpExt.TCPMemoryPressures",
    "Tcp.RetransSegs",
)
"""Counters that do not move when all is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen. `slab` and `available` are bytes, `oom_kills` those of this process's control
    group; None where it cannot be read.
    """

    available: int | None = None
    slab: int | None = None
    oom_kills: int | None = None
    sockets: Mapping[str, int] = field(default_factory=dict)
    events: Mapping[str, int] = field(default_factory=dict)


def look() -> Look:
    """Read them now. What a container hides is left out."""
    try:
        memory = counters.memory()
        sockets = {**counters.sockstat(), **_sockets_of_ipv6()}
        events = counters.tcp_events()
    except ReadFailed:
        return Look()
    return Look(
        available=memory.get("MemAvailable"),
        slab=memory.get("Slab"),
        oom_kills=cgroups.oom_kills(),
        sockets=sockets,
        events={name: events[name] for name in WATCHED if name in events},
    )


def _sockets_of_ipv6() -> Mapping[str, int]:
    try:
        return counters.sockstat6()
    except ReadFailed:
        # A kernel without IPv6.
        return {}


def moved(before: Look, after: Look) -> dict[str, int]:
    """What each watched counter rose by; one that the kernel does not have is left out."""
    return {
        name: count - before.events[name]
        for name, count in after.events.items()
        if name in before.events
    }


def difference(before: int | None, after: int | None) -> int | None:
    """`after - before`, None when either is."""
    return None if before is None or after is None else after - before
