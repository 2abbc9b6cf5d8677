"""Proving other hosts: `verify --target`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tunekit.api import judging
from tunekit.api.session import Observer, Silent, here, summary, within
from tunekit.check.capacity import Demand, forecast
from tunekit.check.ladder import Forecast
from tunekit.check.model import Finding, Status
from tunekit.engine.interrupts import Guard
from tunekit.errors import ExitCode, Interrupted, ProbeRefused
from tunekit.kernel import capacity_facts
from tunekit.probe.load import Load
from tunekit.probe.model import Measurement
from tunekit.probe.remote import secret
from tunekit.probe.remote.aim import Aim
from tunekit.probe.remote.loading import Agreement, RemoteProof, prove
from tunekit.probe.remote.model import Endpoint
from tunekit.profile.model import Profile
from tunekit.report.model import Report

_ABOUT_THE_SERVER = ("proof.backlog",)


def verify_targets(
    connections: int,
    targets: Sequence[str],
    *,
    profile: Profile | None = None,
    sources: Sequence[str] = (),
    token_file: Path | None = None,
    processes: int | None = None,
    hold: float = 0.0,
    rate: float | None = None,
    as_user: str = "nobody",
    netns: str | None = None,
    force: bool = False,
    timeout: float | None = None,
    observer: Observer | None = None,
) -> Report:
    """Prove a number of connections to other hosts' `tunekit serve`, spread over all targets.

    `targets` are ADDR:PORT, `sources` addresses of this host to connect from. Nothing else is
    connected to, and nothing is looked up. The rest is as in `verify`; what the servers have
    counted is compared with what was counted here, and a difference is a failure. `profile` is the
    one that promises the number, for the report to name.
    """
    aim = Aim(
        load=Load(
            connections=connections,
            processes=processes,
            user=as_user,
            hold=hold,
            rate=rate,
            timeout=timeout,
            force=force,
            max_memory_share=1.0 if force else 0.75,
        ),
        targets=tuple(Endpoint.parse(target) for target in targets),
        sources=tuple(dict.fromkeys(sources)),
        secret=secret.read(token_file) if token_file else b"",
    )
    watch = observer or Silent()
    about = Report(command="verify", profile=summary(profile) if profile else None)
    return within(netns, lambda: _verified(aim, replace(about, host=here()), watch))


def _verified(aim: Aim, about: Report, watch: Observer) -> Report:
    load = aim.load
    ladder, ports = _ladder(aim)
    if ladder.obstacle is not None and not load.force:
        obstacle = ladder.obstacle
        remedy = obstacle.remedy or f"ask for at most {obstacle.allows}"
        if obstacle.limit == "net.ipv4.ip_local_port_range":
            remedy += ", or connect from more addresses: --source ADDR"
        return replace(
            about,
            exit_code=ExitCode.IMPOSSIBLE,
            verdict=f"{load.connections} connections are out of reach from here; "
            "nothing was opened",
            next_step="raise the limit, ask for fewer, or try all the same with --force",
            findings=judging.rungs(ladder),
            errors=(
                ProbeRefused(
                    f"{load.connections} connections are out of reach: {obstacle.limit} allows "
                    f"{obstacle.allows}",
                    key=obstacle.limit,
                    hint=remedy,
                ),
            ),
        )
    if ports is not None:
        watch.note(_ports(ports, aim))
    with Guard() as guard, guard.raising():
        outcome = prove(aim, observe=watch.progress)
    return _report(about, ladder, outcome, ports, force=load.force)


def _ports(ports: int, aim: Aim) -> str:
    pairs = aim.destinations
    text = (
        f"{ports} source ports for {aim.load.connections} connections, over {pairs} "
        f"{'pair' if pairs == 1 else 'pairs'} of source and target"
    )
    if aim.load.connections > ports // 2:
        # __inet_hash_connect tries the ports of one parity first, and then the others.
        text += "; past half of them connecting is slow, which another --source mends"
    return text


def _report(
    about: Report, ladder: Forecast, outcome: RemoteProof, ports: int | None, *, force: bool
) -> Report:
    proof = outcome.proof
    figures = proof.measurements
    if ports is not None:
        figures = (*figures, Measurement(name="connections.ports", measured=ports, unit="1"))
    report = replace(
        about,
        exit_code=ExitCode.OK if outcome.ok else ExitCode.NO,
        verdict=_sentence(outcome),
        next_step=proof.obstacle.remedy if proof.obstacle else "",
        findings=(
            *judging.rungs(ladder),
            *(row for row in judging.findings(proof) if row.check not in _ABOUT_THE_SERVER),
            *(_agreement(each) for each in outcome.agreements),
        ),
        measurements=(*figures, *_counts(outcome.agreements)),
        notes=proof.notes,
        data={"counters": dict(proof.counters)},
    )
    if proof.interrupted is not None:
        error = Interrupted(proof.interrupted)
        return replace(report, exit_code=error.exit_code, next_step="", errors=(error,))
    if force:
        report = replace(report, findings=(*report.findings, judging.compared(ladder, proof)))
    return report


def _sentence(outcome: RemoteProof) -> str:
    text = judging.sentence(outcome.proof)
    if outcome.proof.interrupted is not None:
        return text
    if outcome.agreements and all(each.holds for each in outcome.agreements):
        return f"{text}; {_servers(outcome)} counted the same"
    return f"{text}; {_servers(outcome)} did not count the same"


def _servers(outcome: RemoteProof) -> str:
    return "the server" if len(outcome.agreements) <= 1 else "the servers"


def _agreement(one: Agreement) -> Finding:
    there = "nothing" if one.there is None else f"{one.there}"
    return Finding(
        check="proof.agreement",
        status=Status.PASS if one.holds else Status.FAIL,
        subject=str(one.target),
        expected=f"the same {one.here} tokens on both sides",
        observed=f"{there} there, {one.here} here"
        + ("" if one.there is None else f", {one.both} the same"),
        reason="the server says of each connection whether its token came",
        remedy="" if one.holds else "see what `tunekit serve` says there",
    )


def _counts(agreements: Sequence[Agreement]) -> list[Measurement]:
    return [
        Measurement(
            name="connections.proved",
            measured=count,
            unit="1",
            parameters={"target": str(one.target), "side": side},
        )
        for one in agreements
        for side, count in (("here", one.here), ("there", one.there))
    ]


def _ladder(aim: Aim) -> tuple[Forecast, int | None]:
    """Every limit of this host on the way, and how many source ports there are in all."""
    load, facts = aim.load, capacity_facts.gather()
    demand = Demand(
        connections=load.connections,
        processes=load.processes,
        nofile=load.nofile,
        memory_share=load.max_memory_share,
        destinations=aim.destinations,
        in_flight=load.in_flight,
        rate=load.rate,
        ends=1,
    )
    ports = None if facts.ports is None else facts.ports * aim.destinations
    return forecast(demand, facts), ports
