"""Connections that keep the congestion control of before.

A socket gets its algorithm when it is made or accepted (tcp_ca_openreq_child in
net/ipv4/tcp_minisocks.c takes the default of now for a listener that named none) and keeps it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tunekit.check.model import Finding, Status
from tunekit.check.stale.model import Wanted, counted, label, restart
from tunekit.kernel.running import Program, Role, Running

CHECK = "stale.congestion"
KEY = "net.ipv4.tcp_congestion_control"


def judge(running: Running, wanted: Wanted) -> Iterator[Finding]:
    """Judge the connections of each program, once the algorithm has changed."""
    present = running.present.get(KEY)
    before = set(wanted.earlier.get(KEY, ())) - {present}
    if present is None or not before:
        return
    for program in running.programs:
        count = _by_algorithm(program)
        old = {name: number for name, number in count.items() if name in before}
        own = {name: n for name, n in count.items() if name not in before and name != present}
        if old:
            yield Finding(
                check=CHECK,
                status=Status.WARN,
                subject=label(program),
                expected=present,
                observed=_shown(old, count.total()),
                reason="a connection keeps the algorithm that it began with; new ones begin with "
                f"{present}, also those that an old listener accepts",
                remedy=f"nothing where they end by themselves; else {restart(program)}",
            )
        if own:
            yield Finding(
                check=CHECK,
                status=Status.PASS,
                subject=label(program),
                expected=present,
                observed=f"{_shown(own, count.total())}, its own choice",
                reason="it was never the default during this boot, so the program named it",
            )


def _by_algorithm(program: Program) -> Counter[str]:
    count: Counter[str] = Counter()
    for each in program.sockets:
        if each.alike.role is Role.CONNECTION and each.alike.congestion:
            count[each.alike.congestion] += each.count
    return count


def _shown(some: dict[str, int], total: int) -> str:
    parts = (f"{name} on {number}" for name, number in sorted(some.items()))
    return f"{', '.join(parts)} of {counted(total, 'connection')}"
