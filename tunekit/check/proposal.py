"""The profile that lifts the limits of a ladder, as text. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tunekit.check.ladder import Forecast, Lift, Rung
from tunekit.check.model import Status
from tunekit.check.service import Service
from tunekit.kernel.host import HostFacts
from tunekit.profile.writing import scalar


def propose(service: Service, ladder: Forecast, proof: Forecast, host: HostFacts) -> str:
    """Write the profile for the connections of a ladder, valid for `apply`.

    Every limit that a setting can lift is in it with its reason and source. What holds on this
    host already is optional: elsewhere it may be missing, as in a container. `proof` is the ladder
    of a proof with both ends here; the number is promised only where it can be proved.
    """
    lifted = [(rung, rung.lift) for rung in ladder.rungs if rung.lift is not None]
    settings = [(rung, lift) for rung, lift in lifted if not lift.limit]
    limits = [(rung, lift) for rung, lift in lifted if lift.limit]
    lines = [
        f"# Made by `tunekit capacity` from a host with {host.ram >> 20} MiB of memory and "
        f"{host.cpus} processors.",
        "tunekit: 1",
        f"summary: {ladder.wanted} connections of a {service.role.value}",
        "",
        "vars:",
        f"  connections: {ladder.wanted}",
        f"  processes: {service.processes}",
        "",
        "sysctl:",
        *_statements(settings, ladder.wanted),
        "",
        "limits:",
        *_statements(limits, ladder.wanted),
        "",
        *_probe(ladder, proof, {lift.key for _, lift in settings}),
    ]
    return "\n".join(lines) + "\n"


def _statements(lifted: list[tuple[Rung, Lift]], wanted: int) -> Iterator[str]:
    for rung, lift in lifted:
        yield f"  {lift.key}:"
        if len(lift.at_least) == 1:
            yield f"    at_least: {scalar(lift.at_least[0])}"
        else:
            yield "    at_least:"
            yield from (f"      - {scalar(text)}" for text in lift.at_least)
        if rung.status(wanted) is not Status.FAIL and not lift.limit:
            yield "    optional: true"
        yield f"    reason: {scalar(lift.reason)}"
        yield f"    source: {scalar(lift.source)}"


def _probe(ladder: Forecast, proof: Forecast, lifted: set[str]) -> list[str]:
    stays = [
        rung
        for rung in proof.order
        if rung.status(ladder.wanted) is Status.FAIL and rung.limit not in lifted
    ]
    if not stays:
        return ["probe:", "  connections: connections"]
    return [
        f"# Not proved after an apply: with both ends on one host {stays[0].limit} allows "
        f"{stays[0].allows}."
    ]
