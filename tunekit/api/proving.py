"""Proving with real sockets: verify, sockbuf, and the proof at the end of an apply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tunekit.api.session import Observer, Silent, here, summary, within
from tunekit.check.capacity import Demand, Forecast, Rung, forecast
from tunekit.check.model import Finding, Status
from tunekit.errors import ExitCode, ProbeRefused, UsageError
from tunekit.kernel import capacity_facts
from tunekit.probe import sockbuf as buffers
from tunekit.probe.connections import prove
from tunekit.probe.load import Load, Proof
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
    return ProofReport(
        ok=proof.ok,
        verdict=sentence(proof),
        findings=findings(proof),
        measurements=(*proof.measurements, *measured),
        notes=proof.notes,
    )


def verify(
    connections: int | None = None,
    *,
    profile: Profile | None = None,
    processes: int | None = None,
    as_user: str = "nobody",
    netns: str | None = None,
    force: bool = False,
    timeout: float | None = None,
    observer: Observer | None = None,
) -> Report:
    """Prove a number of connections over loopback with real sockets.

    The number is `connections`, else what the profile promises. `as_user` is who the processes
    become when the caller is root, since root passes fs.file-max and would prove nothing. The
    exit code is 0 when every connection was proved, 1 when some were not.

    Raises ProbeRefused, with nothing opened, when it would take more than half of the available
    memory and `force` is not given.
    """
    if connections is None:
        if profile is None or profile.probe is None:
            raise UsageError(
                "no number of connections to prove",
                hint="give --connections 10k, or a profile with `probe: {connections: ...}`",
            )
        connections = profile.probe.connections
    load = Load(
        connections=connections,
        processes=processes,
        user=as_user,
        timeout=timeout,
        max_memory_share=1.0 if force else 0.5,
    )
    watch = observer or Silent()

    def operation() -> Report:
        ladder = _ladder(load)
        about = Report(command="verify", host=here(), profile=summary(profile) if profile else None)
        if ladder.obstacle is not None and not force:
            refusal = _refusal(ladder, ladder.obstacle)
            return replace(
                about,
                exit_code=ExitCode.IMPOSSIBLE,
                verdict=f"{connections} connections are out of reach here; nothing was opened",
                next_step="raise the limit, ask for fewer, or try all the same with --force",
                findings=_rungs(ladder),
                errors=(refusal,),
            )
        proof = prove(load, observe=watch.progress)
        return replace(
            about,
            exit_code=ExitCode.OK if proof.ok else ExitCode.NO,
            verdict=sentence(proof),
            next_step=proof.obstacle.remedy if proof.obstacle else "",
            findings=(*_rungs(ladder), *findings(proof)),
            measurements=proof.measurements,
            notes=proof.notes,
        )

    return within(netns, operation)


def _ladder(load: Load) -> Forecast:
    demand = Demand(
        connections=load.connections,
        processes=load.processes,
        nofile=load.nofile,
        memory_share=load.max_memory_share,
    )
    return forecast(demand, capacity_facts.gather())


def _refusal(ladder: Forecast, obstacle: Rung) -> ProbeRefused:
    return ProbeRefused(
        f"{ladder.wanted} connections are out of reach: {obstacle.limit} allows {obstacle.allows}",
        key=obstacle.limit,
        hint=obstacle.remedy or f"ask for at most {obstacle.allows}",
    )


def _rungs(ladder: Forecast) -> tuple[Finding, ...]:
    return tuple(_judge(rung, ladder.wanted) for rung in ladder.rungs)


def _judge(rung: Rung, wanted: int) -> Finding:
    if rung.allows is None:
        status = Status.SKIP if rung.value is not None else Status.UNKNOWN
        observed = rung.why
    else:
        status = Status.PASS if rung.allows >= wanted else Status.FAIL
        observed = f"allows {rung.allows}"
    used = "" if rung.used is None else f", {rung.used} in use"
    if rung.value is not None:
        observed = f"{observed} ({rung.value}{used})" if observed else f"{rung.value}{used}"
    return Finding(
        check="capacity",
        status=status,
        subject=rung.limit,
        expected=f"{wanted} connections",
        observed=observed,
        reason=rung.why if rung.allows is not None else "",
        remedy=rung.remedy if status is Status.FAIL else "",
    )


def sentence(proof: Proof) -> str:
    """The answer in one sentence."""
    who = f" as {proof.user}" if proof.user else ""
    if proof.ok:
        return f"{proof.proved} of {proof.asked} connections opened and proved{who}"
    cause = f": {proof.obstacle.limit} stopped it" if proof.obstacle else ""
    return f"only {proof.proved} of {proof.asked} connections were proved{who}{cause}"


def findings(proof: Proof) -> tuple[Finding, ...]:
    """What a proof says of the host, as findings."""
    rows = [_connections(proof)]
    if proof.sockets_seen is not None:
        rows.append(
            Finding(
                check="proof.sockstat",
                status=Status.PASS if proof.sockets_agree else Status.WARN,
                subject="TCP sockets in use",
                expected=f"at least {proof.sockets_expected} more",
                observed=f"{proof.sockets_seen} more",
                reason="the kernel's own count of the connections, both ends and listeners",
            )
        )
    rows.append(_backlog(proof))
    moved = {name: count for name, count in proof.counters.items() if count}
    rows.append(
        Finding(
            check="proof.counters",
            status=Status.WARN if moved else Status.PASS,
            subject="TCP counters",
            expected="none of the counters of loss moved",
            observed=", ".join(f"{name} +{count}" for name, count in moved.items()) or "none moved",
            reason="overflows, drops and resends say that the host was at a limit",
        )
    )
    if proof.time_wait_left:
        rows.append(
            Finding(
                check="proof.close",
                status=Status.WARN,
                subject="TIME_WAIT",
                expected="none left",
                observed=f"{proof.time_wait_left} more than before",
                reason="connections are closed with a reset; other programs may have left these",
            )
        )
    return tuple(rows)


def _connections(proof: Proof) -> Finding:
    lost = ", ".join(f"{each.count} {each.cause} ({each.phase.value})" for each in proof.lost)
    row = Finding(
        check="proof.connections",
        status=Status.PASS if proof.proved == proof.asked else Status.FAIL,
        subject="connections",
        expected=f"{proof.asked} proved",
        observed=f"{proof.proved} proved" + (f", lost: {lost}" if lost else ""),
        reason="each sent a token of its own and had it back from an epoll server",
    )
    if proof.obstacle is None:
        return row
    return replace(row, reason=proof.obstacle.reason, remedy=proof.obstacle.remedy)


def _backlog(proof: Proof) -> Finding:
    status = Status.UNKNOWN
    if proof.backlog is not None:
        status = Status.PASS if proof.backlog >= proof.backlog_requested else Status.WARN
    return Finding(
        check="proof.backlog",
        status=status,
        subject="net.core.somaxconn",
        expected=f"a backlog of {proof.backlog_requested}, as asked for",
        observed="unknown" if proof.backlog is None else f"{proof.backlog}",
        reason="what listen() really got; a burst of clients above it waits for seconds",
        remedy=""
        if status is Status.PASS
        else f"sysctl -w net.core.somaxconn={proof.backlog_requested}",
    )


def sockbuf(
    *,
    sndbuf: Sequence[int | None] = buffers.SIZES,
    rcvbuf: Sequence[int | None] = buffers.SIZES,
    netns: str | None = None,
    observer: Observer | None = None,
) -> Report:
    """Measure how SO_SNDBUF and SO_RCVBUF affect sending, for every pair of sizes in bytes.

    None leaves an option to the kernel. Nothing on the host is changed.
    """
    watch = observer or Silent()

    def operation() -> Report:
        measured = buffers.measure(sndbuf, rcvbuf, observe=watch.note)
        return Report(command="sockbuf", host=here(), measurements=measured)

    return within(netns, operation)
