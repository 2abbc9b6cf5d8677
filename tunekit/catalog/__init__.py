"""What is known: the tunables as data.

Each module of this package that has `ENTRIES` holds the tunables of one subject. A pattern's `*`
stands for one whole component, an interface name.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache

from tunekit.catalog.model import Invariant, Tier, Tunable
from tunekit.values import SysctlKey

SUBJECTS = (
    "fs",
    "core",
    "devices",
    "tcp_buffers",
    "tcp_handshake",
    "tcp_congestion",
    "tcp_segments",
    "tcp_timers",
    "tcp_closing",
    "ports",
    "datagrams",
    "ip",
    "fragments",
    "interfaces",
    "neighbours",
    "conntrack",
    "memory",
    "tasks",
    "security",
    "obsolete",
    "limits",
)
"""The modules with entries: what most profiles set comes first, so that the rest is not loaded."""

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

_TRIGGERS = frozenset(
    {
        "net.ipv4.route.flush",
        "net.ipv6.route.flush",
        "vm.compact_memory",
        "vm.drop_caches",
        "vm.stat_refresh",
    }
)
"""Writing them does something; reading vm.stat_refresh does so as well."""


def find(key: SysctlKey | str) -> Tunable | None:
    """Look up what is known of a key: an entry of its own first, then one for every interface."""
    return _find(str(key))


@lru_cache(maxsize=4096)
def _find(name: str) -> Tunable | None:
    for subject in SUBJECTS[-1:] if name.startswith("rlimit.") else SUBJECTS:
        if (tunable := _entries_of(subject).get(name)) is not None:
            return tunable
    parts = name.split(".")
    table = _table()
    for index in range(len(parts)):
        pattern = ".".join([*parts[:index], "*", *parts[index + 1 :]])
        if (tunable := table.get(pattern)) is not None:
            return tunable
    return None


def entries() -> tuple[Tunable, ...]:
    """Return every entry, subject by subject."""
    return tuple(_table().values())


def is_unsafe_to_read(key: SysctlKey | str) -> bool:
    """Tell whether reading a key has a side effect, or gives away a secret."""
    name = str(key)
    # Looking below binfmt_misc mounts it where systemd set its automount up.
    if name in _TRIGGERS or name.startswith("fs.binfmt_misc."):
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

    limits = text.startswith("rlimit")
    own = (
        tunable.pattern
        for tunable in _table().values()
        if tunable.tier is not Tier.OBSOLETE
        and (limits or not tunable.pattern.startswith("rlimit."))
    )
    return nearest(text, [*own, *also])


@cache
def _entries_of(subject: str) -> dict[str, Tunable]:
    from importlib import import_module

    entries = import_module(f"tunekit.catalog.{subject}").ENTRIES
    return {tunable.pattern: tunable for tunable in entries}


@cache
def _table() -> dict[str, Tunable]:
    # Each pattern has one entry only: tests/unit/catalog/test_catalog_entries.py.
    return {name: tunable for each in SUBJECTS for name, tunable in _entries_of(each).items()}
