"""What a forecast and a proof say of the host, as findings and in a sentence."""

from __future__ import annotations

from dataclasses import replace

from tunekit.check.ladder import Forecast
from tunekit.check.model import Finding, Status
from tunekit.check.room import judge
from tunekit.probe.load import Family, Lost, Proof

# How near a forecast has to come to be called right.
_NEAR = 0.02


def rungs(ladder: Forecast) -> tuple[Finding, ...]:
    """Each limit of a forecast, judged against what is wanted."""
    return tuple(judge(rung, ladder.wanted, check="capacity") for rung in ladder.rungs)


def compared(ladder: Forecast, proof: Proof) -> Finding:
    """The forecast beside what came of it."""
    first = ladder.obstacle
    met = proof.obstacle
    if first is None or first.allows is None:
        expected = "nothing in the way"
        right = met is None
    else:
        expected = f"{first.limit} in the way at {first.allows}"
        near = abs(proof.proved - first.allows) <= max(1.0, _NEAR * first.allows)
        # That one bounds what waits at a time: with patience more get through.
        near = near or first.limit == "net.core.somaxconn"
        right = met is not None and met.limit == first.limit and near
    stopped = f"{met.limit} in the way at {proof.proved}" if met else f"{proof.proved} proved"
    return Finding(
        check="capacity.outcome",
        status=Status.PASS if right else Status.WARN,
        subject="forecast",
        expected=expected,
        observed=stopped,
        reason="the forecast was right"
        if right
        else "the limits or the costs here are not what the forecast takes them for",
    )


def sentence(proof: Proof) -> str:
    """The answer in one sentence."""
    who = f" as {proof.user}" if proof.user else ""
    if proof.interrupted is not None:
        return (
            f"interrupted in the {proof.ended_in.value} phase: {proof.opened} of {proof.asked} "
            f"connections had been opened and {proof.proved} proved{who}; all of them are closed"
        )
    if proof.ok:
        return f"{proof.proved} of {proof.asked} connections opened and proved{who}"
    cause = f": {proof.obstacle.limit} stopped it" if proof.obstacle else ""
    return f"only {proof.proved} of {proof.asked} connections were proved{who}{cause}"


def findings(proof: Proof) -> tuple[Finding, ...]:
    """What a proof says of the host, as findings."""
    rows = [_connections(proof)]
    if proof.faults:
        rows.append(
            Finding(
                check="proof.servers",
                status=Status.WARN,
                subject="servers",
                expected="no fault",
                observed=_listed(proof.faults),
                reason="what the servers met while they accepted, watched and answered",
            )
        )
    if proof.sockets_seen is not None:
        kind = "sockets" if proof.family is Family.UNIX else "TCP sockets"
        rows.append(
            Finding(
                check="proof.sockstat",
                status=Status.PASS if proof.sockets_agree else Status.WARN,
                subject=f"{kind} in use",
                expected=f"at least {proof.sockets_expected} more",
                observed=f"{proof.sockets_seen} more",
                reason="the kernel's own count of the connections, both ends and listeners",
            )
        )
    if proof.family is not Family.UNIX:
        # A Unix listener does not tell its backlog.
        rows.append(_backlog(proof))
    rows.append(_counters(proof))
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


def _counters(proof: Proof) -> Finding:
    moved = {name: count for name, count in proof.counters.items() if count}
    return Finding(
        check="proof.counters",
        status=Status.WARN if moved else Status.PASS,
        subject="TCP counters",
        expected="none of the counters of loss moved",
        observed=", ".join(f"{name} +{count}" for name, count in moved.items()) or "none moved",
        reason="overflows, drops and resends say that the host was at a limit",
    )


def _listed(losses: tuple[Lost, ...]) -> str:
    return ", ".join(f"{each.count} {each.cause} ({each.phase.value})" for each in losses)


def _connections(proof: Proof) -> Finding:
    lost = _listed(proof.lost)
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
