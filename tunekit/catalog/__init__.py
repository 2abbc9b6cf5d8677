"""What is known: the tunables as data.

Each module of this package that has `ENTRIES` holds the tunables of one subject. A pattern's `*`
stands for one whole component, an interface name.
"""

from __future__ import annotations

from collections.abc import Iterable

from tunekit.catalog import (
    conntrack,
    core,
    datagrams,
    devices,
    fragments,
    fs,
    interfaces,
    ip,
    limits,
    memory,
    neighbours,
    obsolete,
    ports,
    security,
    tasks,
    tcp_buffers,
    tcp_closing,
    tcp_congestion,
    tcp_handshake,
    tcp_segments,
    tcp_timers,
)
from tunekit.catalog.model import Invariant, Tier, Tunable
from tunekit.values import SysctlKey

_SUBJECTS = (
    fs,
    core,
    devices,
    tcp_buffers,
    tcp_handshake,
    tcp_congestion,
    tcp_segments,
    tcp_timers,
    tcp_closing,
    ports,
    datagrams,
    ip,
    fragments,
    interfaces,
    neighbours,
    conntrack,
    memory,
    tasks,
    security,
    obsolete,
    limits,
)

_TABLE: dict[str, Tunable] = {
    tunable.pattern: tunable for module in _SUBJECTS for tunable in module.ENTRIES
}

INVARIANTS = (
    Invariant(
        low=("net.ipv4.ip_unprivileged_port_start", 0), high=("net.ipv4.ip_local_port_range", 0)
    ),
    Invariant(low=("net.ipv4.tcp_reordering", 0), high=("net.ipv4.tcp_max_reordering", 0)),
    Invariant(low=("net.ipv4.ipfrag_low_thresh", 0), high=("net.ipv4.ipfrag_high_thresh", 0)),
    Invariant(low=("net.ipv6.ip6frag_low_thresh", 0), high=("net.ipv6.ip6frag_high_thresh", 0)),
    Invariant(
        low=("net.netfilter.nf_conntrack_frag6_low_thresh", 0),
        high=("net.netfilter.nf_conntrack_frag6_high_thresh", 0),
    ),
)
"""Pairs of keys that the kernel keeps in order: it refuses the write that would break one."""

_UNSAFE = frozenset(
    {
        "net.ipv4.route.flush",
        "net.ipv6.route.flush",
        "vm.compact_memory",
        "vm.drop_caches",
        "vm.stat_refresh",
    }
)
"""Triggers: writing them does something, and reading vm.stat_refresh does as well."""


def find(key: SysctlKey | str) -> Tunable | None:
    """Look up what is known of a key: an entry of its own first, then one for every interface."""
    name = str(key)
    if (tunable := _TABLE.get(name)) is not None:
        return tunable
    parts = name.split(".")
    for index in range(len(parts)):
        pattern = ".".join([*parts[:index], "*", *parts[index + 1 :]])
        if (tunable := _TABLE.get(pattern)) is not None:
            return tunable
    return None


def entries() -> tuple[Tunable, ...]:
    """Return every entry, subject by subject."""
    return tuple(_TABLE.values())


def is_unsafe_to_read(key: SysctlKey | str) -> bool:
    """Tell whether reading a key has a side effect, or gives away a secret."""
    name = str(key)
    # Looking below binfmt_misc mounts it (fs/proc/root.c; systemd's automount unit).
    if name in _UNSAFE or name.startswith("fs.binfmt_misc."):
        return True
    tunable = find(name)
    return tunable is not None and tunable.secret


def suggest(text: str, *, also: Iterable[str] = ()) -> tuple[str, ...]:
    """Return at most three known names near a misspelt one, best first.

    Names with the same last component come first, since a wrong folder is the commonest mistake
    (net.core.tcp_wmem), then those of nearly the same spelling. `also` are further candidates,
    such as the keys of the running kernel.
    """
    from tunekit.catalog.suggestion import nearest

    own = (tunable.pattern for tunable in _TABLE.values() if tunable.tier is not Tier.OBSOLETE)
    return nearest(text, [*own, *also])
