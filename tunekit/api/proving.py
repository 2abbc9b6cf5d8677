"""Proving with real sockets: verify, and the proof at the end of an apply."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tunekit.api import judging
from tunekit.api.session import Observer, Silent, here, summary, within
from tunekit.check.capacity import Demand, forecast
from tunekit.check.ladder import Forecast, Rung
from tunekit.check.model import Finding
from tunekit.engine.interrupts import Guard
from tunekit.errors import ExitCode, Interrupted, ProbeRefused, UsageError
from tunekit.kernel import capacity_facts
from tunekit.probe import tokens
from tunekit.probe.connections import prove
from tunekit.probe.load import Family, Load
from tunekit.probe.model import Measurement
from tunekit.profile.model import Profile
from tunekit.report.model import Report

# What apply measures of the buffers: a look, not a study. `tunekit sockbuf` takes any sizes.
_SEND_SIZES = (None, 4096, 65536, 1 << 20)
_RECEIVE_SIZES = (None,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofReport:
    """What an apply says of its proof. `ok` is true when everything that was tried held."""

    ok: bool
    verdict: str
    findings: tuple[Finding, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    notes: tuple[str, ...] = ()


def prove_profile(profile: Profile, *, observer: Observer, as_user: str) -> ProofReport:
    """Prove the connections that a profile promises, and look at the socket buffers."""
    from tunekit.probe import sockbuf as buffers

    measured = buffers.measure(_SEND_SIZES, _RECEIVE_SIZES)
    if profile.probe is None:
        return ProofReport(
            ok=True, verdict="the profile promises no connections to prove", measurements=measured
        )
    load = Load(connections=profile.probe.connections, user=as_user)
    ladder = _ladder(load)
    if ladder.obstacle is not None:
        raise _refusal(ladder, ladder.obstacle)
    proof = prove(load, observe=observer.progress)
    if proof.interrupted is not None:
        raise Interrupted(proof.interrupted)
    return ProofReport(
        ok=proof.ok,
        verdict=judging.sentence(proof),
        findings=judging.findings(proof),
        measurements=(*proof.measurements, *measured),
        notes=proof.notes,
    )


def verify(
    connections: int | None = None,
    *,
    profile: Profile | None = None,
    processes: int | None = None,
    hold: float = 0.0,
    rate: float | None = None,
    messages: int | None = None,
    payload: int | None = None,
    active: float | None = None,
    family: Family = Family.INET,
    as_user: str = "nobody",
    netns: str | None = None,
    force: bool = False,
    timeout: float | None = None,
    observer: Observer | None = None,
) -> Report:
    """Prove a number of connections over loopback with real sockets.

    The number is `connections`, else what the profile promises. They are held for `hold` seconds
    and proved again. `rate` connections a second are begun; None begins each after another.
    `messages` rounds of `payload` bytes are echoed meanwhile by the `active` share of the
    connections; with a payload or a share alone, about one round a second. `as_user` is who the
    processes become when the caller is root, since root passes fs.file-max and would prove
    nothing.

    A limit that is in the way is found before anything is opened, and the report's exit code is 3;
    `force` tries all the same. It is 0 when every connection was proved, 1 when some were not, 130
    or 143 when a signal ended it. Raises UsageError for a load that makes no sense.
    """
    if connections is None:
        if profile is None or profile.probe is None:
            raise UsageError(
                "no number of connections to prove",
                hint="give --connections 10k, or a profile with `probe: {connections: ...}`",
            )
        connections = profile.probe.connections
    if messages is None:
        talks = payload is not None or active is not None
        messages = max(1, int(hold)) if talks else 0
    load = Load(
        connections=connections,
        processes=processes,
        user=as_user,
        hold=hold,
        rate=rate,
        messages=messages,
        payload=tokens.SIZE if payload is None else payload,
        active=1.0 if active is None else active,
        family=family,
        timeout=timeout,
        force=force,
        max_memory_share=1.0 if force else 0.75,
    )
    about = Report(command="verify", profile=summary(profile) if profile else None)
    watch = observer or Silent()
    return within(netns, lambda: _verified(load, replace(about, host=here()), watch))


def _verified(load: Load, about: Report, watch: Observer) -> Report:
    ladder = _ladder(load)
    if ladder.obstacle is not None and not load.force:
        return replace(
            about,
            exit_code=ExitCode.IMPOSSIBLE,
            verdict=f"{load.connections} connections are out of reach here; nothing was opened",
            next_step="raise the limit, ask for fewer, or try all the same with --force",
            findings=judging.rungs(ladder),
            errors=(_refusal(ladder, ladder.obstacle),),
        )
    with Guard() as guard, guard.raising():
        proof = prove(load, observe=watch.progress)
    report = replace(
        about,
        exit_code=ExitCode.OK if proof.ok else ExitCode.NO,
        verdict=judging.sentence(proof),
        next_step=proof.obstacle.remedy if proof.obstacle else "",
        findings=(*judging.rungs(ladder), *judging.findings(proof)),
        measurements=proof.measurements,
        notes=proof.notes,
        data={"counters": dict(proof.counters)},
    )
    if proof.interrupted is not None:
        error = Interrupted(proof.interrupted)
        return replace(report, exit_code=error.exit_code, next_step="", errors=(error,))
    if load.force or not proof.ok:
        report = replace(report, findings=(*report.findings, judging.compared(ladder, proof)))
    return report


def _ladder(load: Load) -> Forecast:
    facts = capacity_facts.gather()
    demand = Demand(
        connections=load.connections,
        processes=load.processes,
        nofile=load.nofile,
        memory_share=load.max_memory_share,
        # As few as each client can do with: the probe keeps them under tcp_mem by itself.
        in_flight=facts.cpus * (load.in_flight if load.force else 1),
        payload=load.payload,
        rate=load.rate,
        unix=load.family is Family.UNIX,
    )
    return forecast(demand, facts)


def _refusal(ladder: Forecast, obstacle: Rung) -> ProbeRefused:
    return ProbeRefused(
        f"{ladder.wanted} connections are out of reach: {obstacle.limit} allows {obstacle.allows}",
        key=obstacle.limit,
        hint=obstacle.remedy or f"ask for at most {obstacle.allows}",
    )
