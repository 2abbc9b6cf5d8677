"""The tables of neighbours: ARP and neighbour discovery.

Only peers on the same link take an entry: clients behind a router share the router's.
"""

from __future__ import annotations

from collections.abc import Iterator

from tunekit.catalog.model import Field, Lax, Risk, Scope, Tunable
from tunekit.catalog.shapes import COUNT, IMMEDIATELY, SECONDS, number

_SAME_NUMBER = {
    "base_reachable_time_ms": "base_reachable_time",
    "retrans_time_ms": "retrans_time",
    "unres_qlen": "unres_qlen_bytes",
    "unres_qlen_bytes": "unres_qlen",
}
"""Names under which the kernel shows one number twice, in two units."""
_FAMILIES = (("net.ipv4.neigh", "arp_cache"), ("net.ipv6.neigh", "ndisc_cache"))


def _thresholds(family: str, statistics: str) -> Iterator[Tunable]:
    default = f"{family}.default"
    thresholds = tuple(f"{default}.gc_thresh{number}" for number in (1, 2, 3))
    for key, summary, initial in (
        (thresholds[0], "Entries below which nothing is collected", "128"),
        (thresholds[1], "Entries that may be exceeded for five seconds only", "512"),
        (
            thresholds[2],
            "Most entries of the whole host, all network namespaces together",
            "1024",
        ),
    ):
        yield Tunable(
            pattern=key,
            fields=COUNT,
            unit="entries",
            summary=summary,
            takes_effect=IMMEDIATELY,
            default=initial,
            related=tuple(other for other in thresholds if other != key),
            risk=Risk.MEDIUM,
            risk_note="when the table is full, packets to new neighbours vanish without an error",
            since="2.2",
            source=f"net/core/neighbour.c neigh_alloc; /proc/net/stat/{statistics} table_fulls",
        )
    yield Tunable(
        pattern=f"{default}.gc_interval",
        fields=SECONDS,
        unit="seconds",
        summary="Pause between collections of stale entries",
        takes_effect=IMMEDIATELY,
        default="30",
        since="2.2",
        source="net/core/neighbour.c neigh_periodic_work",
    )


def _per_interface(family: str) -> Iterator[Tunable]:
    """Yield the settings of each interface, and of `default`, which passes a write on to every
    interface where the setting was never written (neigh_copy_dflt_parms).
    """
    rows: tuple[tuple[str, tuple[Field, ...], str, str, str, bool], ...] = (
        ("gc_stale_time", SECONDS, "seconds", "Silence after which an entry is stale", "60", False),
        (
            "base_reachable_time_ms",
            number(1, lax=Lax.BELOW),
            "milliseconds",
            "Mean time that an entry is believed without a check",
            "30000",
            True,
        ),
        (
            "retrans_time_ms",
            number(1, lax=Lax.BELOW),
            "milliseconds",
            "Pause between requests",
            "1000",
            True,
        ),
        ("delay_first_probe_time", SECONDS, "seconds", "Pause before the first check", "5", False),
        ("ucast_solicit", COUNT, "requests", "Requests to the known address", "3", False),
        ("mcast_solicit", COUNT, "requests", "Requests to everybody", "3", False),
        ("app_solicit", COUNT, "requests", "Requests to a program in user space", "0", False),
        ("proxy_qlen", COUNT, "packets", "Requests that wait for a proxy's answer", "64", False),
        (
            "unres_qlen_bytes",
            COUNT,
            "bytes",
            "Data that waits for one neighbour's address",
            "212992",
            False,
        ),
        (
            "unres_qlen",
            COUNT,
            "packets",
            "Packets that wait for one neighbour's address; better set unres_qlen_bytes",
            "101",
            True,
        ),
    )
    for name, fields, unit, summary, initial, rounds in rows:
        everywhere = f"{family}.*.{name}"
        other = (f"{family}.*.{_SAME_NUMBER[name]}",) if name in _SAME_NUMBER else ()
        for pattern, scope, moves in (
            (everywhere, Scope.NETNS, other),
            (f"{family}.default.{name}", Scope.HOST, (everywhere, *other)),
        ):
            yield Tunable(
                pattern=pattern,
                fields=fields,
                unit=unit,
                scope=scope,
                summary=summary,
                takes_effect=IMMEDIATELY,
                default=initial,
                rounds=rounds,
                moves=moves,
                before=moves[:1] if pattern != everywhere else (),
                since="2.2",
                source="net/core/neighbour.c neigh_proc_update; arp(7)",
            )


ENTRIES = tuple(
    tunable
    for family, statistics in _FAMILIES
    for tunable in (*_thresholds(family, statistics), *_per_interface(family))
)
