"""Socket buffers: `sockbuf`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tunekit.api.session import Observer, Silent, here, within
from tunekit.engine.interrupts import Guard
from tunekit.errors import ProbeRefused, UsageError
from tunekit.report.model import Report

if TYPE_CHECKING:
    from tunekit.probe.model import Measurement
    from tunekit.probe.sockbuf.part import Part
    from tunekit.probe.sockbuf.study import Wanted


def sockbuf(
    *,
    sndbuf: Sequence[int | None] | None = None,
    rcvbuf: Sequence[int | None] | None = None,
    parts: Sequence[str] | None = None,
    families: Sequence[str] | None = None,
    congestion: str | None = None,
    message: int | None = None,
    round_trip: float | None = None,
    rate: float | None = None,
    quick: bool = False,
    netns: str | None = None,
    observer: Observer | None = None,
) -> Report:
    """Measure how SO_SNDBUF and SO_RCVBUF affect sending, for every pair of sizes in bytes.

    A size of None leaves the option to the kernel; without sizes the usual ones are tried. `parts`
    are of `granted`, `fill`, `meaning`, `strategies` and `distance`, all when not given;
    `families` of `inet`, `inet6`, `unix`, `unix-dgram` and `udp`. `congestion` is the congestion
    control of TCP senders, `message` the bytes of one send. `round_trip` in seconds and `rate` in
    bytes a second are those of the path that `distance` makes. Nothing on the host is changed.
    """
    from tunekit.probe.sockbuf import distance
    from tunekit.probe.sockbuf.ends import Transport
    from tunekit.probe.sockbuf.part import Part
    from tunekit.probe.sockbuf.study import Wanted

    wanted = Wanted(
        sndbuf=None if sndbuf is None else tuple(sndbuf),
        rcvbuf=None if rcvbuf is None else tuple(rcvbuf),
        transports=tuple(_named(Transport, families or ["inet"], "family")),
        congestion=congestion,
        message=message,
        round_trip=distance.ROUND_TRIP if round_trip is None else round_trip,
        rate=distance.RATE if rate is None else rate,
        quick=quick,
    )
    chosen = _named(Part, parts or [part.value for part in Part], "part")
    watch = observer or Silent()
    return within(netns, lambda: _studied(chosen, wanted, watch))


def _named(kind: Any, names: Sequence[str], what: str) -> list[Any]:
    known = {member.value: member for member in kind}
    for name in names:
        if name not in known:
            raise UsageError(
                f"{name!r} is no {what}", key=f"--{what}", hint=f"one of {', '.join(known)}"
            )
    return [known[name] for name in dict.fromkeys(names)]


def busy(load: float, cpus: int) -> list[str]:
    """Say that times are not to be trusted when more wants to run than there are processors."""
    if load <= cpus:
        return []
    return [
        f"this host was busy: {load:.0f} processes wanted to run on {cpus} processors. Sizes do "
        "not mind; times, rates and what is best do: measure again when it is quiet"
    ]


def _studied(parts: Sequence[Part], wanted: Wanted, watch: Observer) -> Report:
    from tunekit.probe.sockbuf import host, study

    figures: list[Measurement] = []
    notes: list[str] = []
    sentences: dict[str, list[str]] = {}
    with Guard() as guard, guard.raising():
        for part in parts:
            try:
                outcome = study.run(part, wanted, watch.note)
            except ProbeRefused as error:
                if len(parts) == 1:
                    raise
                notes.append(f"{part.value} was left out: {error}")
                continue
            figures += outcome.measurements
            notes += outcome.notes
            sentences[part.value] = list(outcome.sentences)
    data: Mapping[str, Any] = {
        "sockbuf": {"sentences": sentences, "sysctls": asdict(host.sysctls())}
    }
    notes += busy(os.getloadavg()[0], len(os.sched_getaffinity(0)))
    return Report(
        command="sockbuf",
        host=here(),
        measurements=tuple(figures),
        notes=tuple(notes),
        data=data,
    )
