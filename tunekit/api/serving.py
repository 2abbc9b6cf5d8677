"""Being the server for other hosts' `verify`: `serve`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tunekit.api.session import Observer, Silent, here, within
from tunekit.check.model import Finding, Status
from tunekit.engine.interrupts import Guard
from tunekit.errors import ExitCode, Interrupted
from tunekit.probe.remote import secret, serving
from tunekit.probe.remote.model import (
    DEFAULT_PATIENCE,
    Endpoint,
    Ready,
    Served,
    Service,
    SessionServed,
)
from tunekit.report.model import Report

LOOPBACK = "127.0.0.1:7077"
"""Where `serve` listens when nothing is said."""


def serve(
    listen: Sequence[str] = (LOOPBACK,),
    *,
    token_file: Path | None = None,
    max_connections: int | None = None,
    seconds: float | None = None,
    patience: float = DEFAULT_PATIENCE,
    as_user: str = "nobody",
    netns: str | None = None,
    announce: Callable[[Ready], None] | None = None,
    observer: Observer | None = None,
) -> Report:
    """Serve the connections of other hosts' `verify` until a signal comes, or for `seconds`.

    `listen` are ADDR:PORT, with port 0 for any; `announce` is told what became of them. Off
    loopback a `token_file` is needed that the clients hold too. `patience` are the seconds that a
    connection has to say whose it is.

    The report says what was served. Its exit code is 0 when the time was over, 130 or 143 when a
    signal ended it, and 1 when processes of the server were killed.
    """
    service = Service(
        listen=tuple(Endpoint.parse(each, any_port=True) for each in listen),
        secret=secret.read(token_file) if token_file else b"",
        max_connections=max_connections,
        seconds=seconds,
        patience=patience,
        user=as_user,
    )
    watch = observer or Silent()

    def operation() -> Report:
        with Guard() as guard:
            served = serving.serve(
                service,
                ready=announce or (lambda ready: watch.note(invitation(ready))),
                stopped=lambda: guard.pending is not None,
                observe=watch.progress,
            )
            report = _report(served)
            if guard.pending is None:
                return report
            # It is how a service is ended: no error, and an exit code that tells.
            return replace(report, exit_code=Interrupted(guard.pending).exit_code)

    return within(netns, operation)


def invitation(ready: Ready) -> str:
    """What a service is for, in one line: where it is and what to call on the other host."""
    where = ",".join(str(endpoint) for endpoint in ready.listening)
    target = ",".join(
        f"ADDRESS:{endpoint.port}" if endpoint.is_any else str(endpoint)
        for endpoint in ready.listening
    )
    token = " --token-file FILE" if ready.guarded else ""
    return (
        f"serving up to {ready.max_connections} connections on {where}; on the other host: "
        f"tunekit verify --target {target} --connections N{token}"
    )


def _report(served: Served) -> Report:
    proved = sum(each.proved for each in served.sessions)
    verdict = (
        f"served {_counted(len(served.sessions), 'session')} with {proved} proved connections, "
        f"{served.peak} at once"
    )
    dropped = sum(served.strangers.values())
    if dropped:
        verdict += f"; {_counted(dropped, 'stranger')} dropped"
    if served.killed:
        verdict += f"; {served.killed} of {served.workers} processes were killed"
    return Report(
        command="serve",
        host=here(),
        exit_code=ExitCode.NO if served.killed else ExitCode.OK,
        verdict=verdict,
        findings=tuple(_findings(served)),
        measurements=served.measurements,
    )


def _findings(served: Served) -> list[Finding]:
    rows = [_session(each) for each in served.sessions]
    if served.strangers:
        rows.append(
            Finding(
                check="serve.strangers",
                status=Status.WARN,
                subject="strangers",
                expected="none",
                observed=", ".join(f"{n} {cause}" for cause, n in served.strangers.items()),
                reason="connections that did not say or prove in time whose they are were dropped",
            )
        )
    if served.turned_away:
        rows.append(
            Finding(
                check="serve.room",
                status=Status.WARN,
                subject="--max-connections",
                expected="room for every client",
                observed=f"{_counted(served.turned_away, 'session')} turned away",
                reason="they asked for more connections than were free",
                remedy="serve with more --max-connections, if this host can carry them",
            )
        )
    if served.refused:
        rows.append(
            Finding(
                check="serve.accept",
                status=Status.WARN,
                subject="accept",
                expected="no refusal",
                observed=f"{served.refused} for {served.why or 'an unknown reason'}",
                reason="the kernel would not give another connection to a process",
            )
        )
    if served.killed:
        rows.append(
            Finding(
                check="serve.processes",
                status=Status.FAIL,
                subject="processes",
                expected=f"{served.workers} to the end",
                observed=f"{served.killed} killed",
                reason="not by tunekit; what was open there was reset",
                remedy="dmesg | grep -i 'out of memory'",
            )
        )
    return rows


def _session(one: SessionServed) -> Finding:
    whole = one.proved == one.asked and one.complete
    return Finding(
        check="serve.session",
        status=Status.PASS if whole else Status.WARN,
        subject=f"session {one.number}",
        expected=f"{one.asked} connections",
        observed=f"{one.proved} proved in {one.seconds:.1f} s"
        + ("" if one.complete else ", cut short"),
        reason="connections whose own token came at least once",
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
