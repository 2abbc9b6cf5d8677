"""May this build go to this host? The gate of a deployment pipeline."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path

from tunekit.api.gathering import applying, gather
from tunekit.api.session import Observer, Silent, here, summary, within
from tunekit.api.targets import Target
from tunekit.check import gate
from tunekit.check.gate import Choice
from tunekit.check.model import Finding, Status
from tunekit.check.policy import Policy, exit_code
from tunekit.check.registry import CHECKS, PROBE
from tunekit.engine.store import STATE_DIR
from tunekit.errors import ExitCode, Interrupted, TunekitError, UsageError
from tunekit.profile.model import Profile
from tunekit.records import dataclass
from tunekit.report.model import Report

QUICK_CONNECTIONS = 1000


class Probing(Enum):
    """How much of the profile's load a gate proves."""

    QUICK = "quick"
    """At most 1,000 connections."""
    FULL = "full"
    """All that the profile promises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gate:
    """One gate: what is asked, of whom, and how strictly."""

    profile: Profile
    choice: Choice
    policy: Policy
    probing: Probing | None
    target: Target
    netns: str | None
    root: Path | None
    state_dir: Path
    as_user: str
    today: date

    @property
    def probes(self) -> bool:
        return self.probing is not None and self.choice.asks(PROBE)

    @property
    def asks_something(self) -> bool:
        return self.probes or any(map(self.choice.asks, CHECKS))


def preflight(
    profile: Profile,
    *,
    pid: int | None = None,
    unit: str = "",
    user: str = "",
    runtime: str = "",
    probing: Probing | None = None,
    only: Collection[str] = (),
    skip: Collection[str] = (),
    warn: Collection[str] = (),
    policy: Policy = Policy.DEFAULT,
    wait: float = 0.0,
    interval: float = 2.0,
    netns: str | None = None,
    root: Path | None = None,
    state_dir: Path | None = None,
    as_user: str = "nobody",
    today: date | None = None,
    observer: Observer | None = None,
) -> Report:
    """Ask every check of a host, and whether a build that needs the profile may go to it.

    The limits are judged of process `pid`, the systemd service `unit`, the sessions of `user` or
    the containers of `runtime`, of this process without any of them. `only`, `skip` and `warn` are
    names of checks. With `wait` it is asked every `interval` seconds until the answer is yes or
    that many seconds have passed; the load of `probing` is opened once nothing else is in the
    way, or when the time is up. `today` decides which waivers have expired. `root` is another root
    file system: its files alone are judged, the keys at boot and the limits of `unit`.

    Writes nothing. The exit code is 0 for yes, 1 for no, 3 when something cannot be told; `policy`
    says what warnings and unknowns do to it. Raises UsageError for a check that there is not, and
    ProfileError for a waiver of one.
    """
    asked = _Gate(
        profile=profile,
        choice=gate.choose(only=only, skip=skip, warn=warn),
        policy=policy,
        probing=probing,
        target=Target(pid=pid, unit=unit, user=user, runtime=runtime),
        netns=netns,
        root=root,
        state_dir=state_dir or STATE_DIR,
        as_user=as_user,
        today=today or datetime.now(UTC).date(),
    )
    if not asked.asks_something:
        raise UsageError(
            "no check is left to ask",
            hint="leave out --only or --skip; the check probe takes --probe, too",
        )
    if root is not None and (pid or user or runtime or probing or netns):
        raise UsageError(
            "of another root nothing runs",
            key="--root",
            hint="leave out --pid, --user, --runtime, --probe and --netns",
        )
    gate.check_waivers(profile.waivers)
    if interval <= 0:
        raise UsageError("an interval of nothing", key="--interval", hint="write 1s or more")
    watch = observer or Silent()
    report = until_it_passes(
        lambda: within(netns, lambda: _looked(asked)),
        wait=wait,
        interval=interval,
        note=watch.note,
    )
    return _with_proof(report, asked, watch) if asked.probes else report


def until_it_passes(
    attempt: Callable[[], Report],
    *,
    wait: float,
    interval: float,
    note: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Report:
    """Repeat an attempt until it exits with 0 or `wait` seconds have passed; returns the last.

    What is still in the way is noted whenever it changes. An error is in the way, too, but for a
    usage error: the process or the namespace may be about to come.
    """
    end = clock() + wait
    said = ""
    while True:
        try:
            report = attempt()
            if report.exit_code is ExitCode.OK or clock() >= end:
                return report
            verdict = report.verdict
        except (UsageError, Interrupted):
            raise
        except TunekitError as error:
            if clock() >= end:
                raise
            verdict = str(error)
        if verdict != said:
            said = verdict
            note(f"waiting: {said}")
        pause(max(0.0, min(interval, end - clock())))


def _looked(asked: _Gate) -> Report:
    if asked.root is not None:
        return _files_judged(asked, asked.root)
    facts = gather(
        asked.profile,
        state_dir=asked.state_dir,
        asks=asked.choice.will_ask,
        target=asked.target,
        netns=asked.netns,
    )
    return _report(
        asked,
        Report(
            command="preflight",
            host=facts.snapshot.host,
            profile=summary(asked.profile),
            notes=asked.profile.warnings,
            data={"policy": asked.policy.value},
        ),
        gate.run(facts, asked.choice, asked.today),
    )


def _files_judged(asked: _Gate, root: Path) -> Report:
    from tunekit.api.gating_files import judge_files

    found = judge_files(asked.profile, asked.choice, root, unit=asked.target.unit)
    return _report(
        asked,
        Report(
            command="preflight",
            host=here(),
            profile=summary(asked.profile),
            notes=asked.profile.warnings,
            data={"policy": asked.policy.value},
        ),
        gate.settle(found, asked.choice, asked.profile.waivers, asked.today),
    )


def _with_proof(report: Report, asked: _Gate, watch: Observer) -> Report:
    """Open the profile's connections with real sockets, and add what came of it."""
    from tunekit.api.proving import verify

    probe = asked.profile.probe
    if probe is None:
        why = "the profile promises no connections to prove"
        return _report(asked, report, (*report.findings, gate.skipped(PROBE, why)))
    count = probe.connections
    if asked.probing is Probing.QUICK:
        count = min(count, QUICK_CONNECTIONS)
    proved = verify(count, netns=asked.netns, as_user=asked.as_user, observer=watch)
    if proved.exit_code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED):
        return replace(report, exit_code=proved.exit_code, errors=proved.errors)
    rows = [
        replace(row, check=PROBE.name)
        for row in proved.findings
        if row.check.partition(".")[0] == "proof"
    ]
    rows += [_refused(error, count) for error in proved.errors]
    settled = gate.settle(rows, asked.choice, asked.profile.waivers, asked.today)
    report = replace(report, measurements=proved.measurements, notes=(*report.notes, *proved.notes))
    return _report(asked, report, (*report.findings, *settled))


def _refused(error: TunekitError, count: int) -> Finding:
    return Finding(
        check=PROBE.name,
        status=Status.FAIL,
        subject="connections",
        expected=f"{count} proved",
        observed=error.message,
        reason="nothing was opened, since a limit is in the way",
        remedy=error.hint,
    )


def _report(asked: _Gate, about: Report, findings: Collection[Finding]) -> Report:
    """Judge findings by the policy, and say what they come to."""
    code = exit_code(findings, asked.policy)
    mend = applying(asked.profile, netns=asked.netns, state_dir=asked.state_dir)
    failing = any(row.check == "settings" and row.status is Status.FAIL for row in findings)
    return replace(
        about,
        exit_code=code,
        verdict=_sentence(asked.profile.name, findings, code),
        next_step=f"set what differs: {mend}" if failing else "",
        findings=tuple(findings),
    )


def _sentence(name: str, findings: Collection[Finding], code: ExitCode) -> str:
    count = Counter(row.status for row in findings)
    rest = ", ".join(
        f"{count[status]} {word}"
        for status, word in (
            (Status.FAIL, "failed"),
            (Status.UNKNOWN, "cannot be told"),
            (Status.WARN, "to be warned of"),
            (Status.WAIVED, "waived"),
            (Status.PASS, "passed"),
        )
        if count[status]
    )
    answer = {
        ExitCode.OK: "ready for",
        ExitCode.IMPOSSIBLE: "cannot tell whether this host is ready for",
    }.get(code, "not ready for")
    return f"{answer} {name}: {rest or 'nothing was asked'}"
