"""Limits that are set and still do harm, or never arrive. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tunekit.check.model import Finding, Status
from tunekit.errors import Location
from tunekit.files import limits_d, unit_limits
from tunekit.files.limits_d import UNLIMITED, Session, Side
from tunekit.files.model import Origin
from tunekit.files.runtimes import BadFile
from tunekit.files.unit_limits import BadValue
from tunekit.kernel.systemd import LoadedUnit
from tunekit.profile.evaluate import RLIMIT_PREFIX

CHECK = "limits"
HUGE = 1 << 24
"""Descriptors that a program should not have to count through."""


def of_unit(
    limits: Mapping[str, tuple[Side, Side]],
    bad: Sequence[BadValue],
    *,
    unit: str,
    nr_open: int | None,
    manager_hard: int | None,
) -> Iterator[Finding]:
    """What is wrong with the limits of a unit as its files have them.

    `manager_hard` is the hard nofile of process 1, which is what systemd falls back to.
    """
    for each in bad:
        yield _finding(
            each.name,
            Status.WARN,
            expected="a limit",
            observed=f"{each.value!r}: {each.why}",
            reason="systemd passes over it, with a line in its log",
            remedy=f"mend it and run systemctl daemon-reload; see {each.origin}",
            origin=each.origin,
        )
    if "nofile" not in limits:
        return
    _, hard = limits["nofile"]
    if hard.unlimited and nr_open is not None and nr_open > HUGE:
        yield replace(
            _huge(hard.origin, "infinity", nr_open),
            remedy=f"LimitNOFILE={unit_limits.DEFAULT_SOFT}:{unit_limits.DEFAULT_HARD} in {unit}",
        )
    if nr_open is None or hard.value is None or UNLIMITED < hard.value <= nr_open:
        return
    falls_back = manager_hard is not None and UNLIMITED < manager_hard <= nr_open
    yield _finding(
        "nofile",
        Status.WARN if falls_back else Status.FAIL,
        expected=f"at most fs.nr_open = {nr_open}",
        observed=_shown(hard),
        reason=f"systemd then sets its own hard limit, {manager_hard}"
        if falls_back
        else "the unit does not start (status 205/LIMITS)",
        remedy=_lift(hard, nr_open),
        origin=hard.origin,
    )


def of_loaded_unit(loaded: LoadedUnit, running: Mapping[str, tuple[int, int]]) -> Iterator[Finding]:
    """What differs between a unit's files, what systemd has loaded of it, and what runs.

    `running` are the limits of the main process, empty where they cannot be read.
    """
    if loaded.stale:
        yield _finding(
            "nofile",
            Status.WARN,
            subject=loaded.name,
            expected="the files as systemd has loaded them",
            observed="changed since",
            reason="a restart gives the limits of before",
            remedy="systemctl daemon-reload",
        )
    name = "nofile"
    if name in running and name in loaded.limits and not _agree(running[name], loaded.limits[name]):
        yield _finding(
            name,
            Status.WARN,
            expected=f"{_pair(loaded.limits[name])} for process {loaded.main_pid}",
            observed=_pair(running[name]),
            reason="it started before the change, or has set its own",
            remedy=f"systemctl restart {loaded.name}",
        )


def _agree(running: tuple[int, int], loaded: tuple[int, int]) -> bool:
    """Tell whether a process may have started with these limits; no limit is fs.nr_open then."""
    return all(now == then or then == UNLIMITED for now, then in zip(running, loaded, strict=True))


def pam_has_the_last_word(unit: str, service: str, user: str) -> Finding:
    """What becomes of a unit's limits when it opens a PAM session that sets its own."""
    return _finding(
        "",
        Status.WARN,
        subject=unit,
        expected="the limits of the unit",
        observed=f"PAMName={service}, which loads pam_limits",
        reason="the session's limits are set after the unit's",
        remedy=f"tunekit inspect --limits --user {user or 'root'}",
    )


def no_service_reads_them() -> Finding:
    """What is to be said where limits.conf is read by nobody."""
    return _finding(
        "",
        Status.WARN,
        subject="pam_limits",
        expected="a service below /etc/pam.d that loads it",
        observed="none",
        reason="limits.conf and limits.d do nothing without it",
        remedy="add `session required pam_limits.so` to /etc/pam.d/login and others",
    )


def of_containers(
    limits: Mapping[str, tuple[Side, Side]],
    bad: Sequence[BadFile],
    *,
    runtime: str,
    nr_open: int | None,
) -> Iterator[Finding]:
    """What is wrong with the limits that a runtime's configuration gives to containers."""
    for each in bad:
        yield _finding(
            "",
            Status.FAIL,
            subject=each.path,
            expected="a configuration",
            observed=each.why,
            reason=f"{runtime} does not start with it",
            remedy=f"mend {each.path}",
        )
    if "nofile" not in limits or nr_open is None:
        return
    hard = limits["nofile"][1]
    if hard.value == UNLIMITED or (hard.value or 0) > nr_open:
        yield _finding(
            "nofile",
            Status.FAIL,
            expected=f"at most fs.nr_open = {nr_open}",
            observed=_shown(hard),
            reason="the kernel refuses it, and no container starts",
            remedy=_lift(hard, nr_open),
            origin=hard.origin,
        )


def of_session(
    lines: Sequence[limits_d.Line | limits_d.BadLine],
    session: Session,
    *,
    nr_open: int | None,
    debian: bool,
) -> Iterator[Finding]:
    """What is wrong with limits.conf and limits.d for a session."""
    for line in lines:
        if isinstance(line, limits_d.BadLine):
            yield _finding(
                "",
                Status.WARN,
                subject=str(line.origin),
                expected="a domain, a type, an item and a value",
                observed=line.text.strip(),
                reason=f"pam_limits passes over it: {line.why}",
                remedy=f"mend or remove {line.origin}",
                origin=line.origin,
            )
    if session.spared is not None:
        yield _finding(
            "nofile",
            Status.WARN,
            expected="limits from these files",
            observed="none is set",
            reason="this line spares the user, whatever the others say",
            remedy=f"remove {session.spared}",
            origin=session.spared,
        )
    pair = session.limits.get("nofile") or session.refused.get("nofile")
    if pair is None:
        return
    hard = pair[1]
    if hard.unlimited:
        shown = "unlimited" if nr_open is None else f"unlimited, taken for {nr_open}"
        row = _finding(
            "nofile",
            Status.WARN,
            expected="a number",
            observed=shown,
            reason="Linux-PAM before 1.5.2 asks the kernel for no limit at all, which it refuses; "
            "elsewhere than on Debian nobody gets in then",
            remedy=f"write a number in {hard.origin}",
            origin=hard.origin,
        )
        yield row
        if nr_open is not None and nr_open > HUGE:
            yield replace(_huge(hard.origin, "unlimited", nr_open), remedy=row.remedy)
    if "nofile" in session.refused:
        yield _finding(
            "nofile",
            Status.FAIL,
            expected=f"at most fs.nr_open = {nr_open}",
            observed=_shown(hard),
            reason="the kernel refuses it, and the session keeps the limits of what opens it"
            if debian
            else "the kernel refuses it, and with it every login of this user",
            remedy=_lift(hard, nr_open),
            origin=hard.origin,
        )


def _huge(origin: Origin, word: str, nr_open: int) -> Finding:
    return _finding(
        "nofile",
        Status.WARN,
        expected="a number that a program can count to",
        observed=f"{word}, which is fs.nr_open = {nr_open}",
        reason="a program that closes or allocates for every possible descriptor takes minutes, "
        "or all memory",
        origin=origin,
    )


def _lift(hard: Side, nr_open: int | None) -> str:
    if hard.value is None or hard.value == UNLIMITED:
        return f"write at most {nr_open} in {hard.origin}"
    return f"sysctl -w fs.nr_open={hard.value}, or write at most {nr_open} in {hard.origin}"


def _finding(
    name: str,
    status: Status,
    *,
    expected: str,
    observed: str,
    reason: str,
    remedy: str = "",
    subject: str = "",
    origin: Origin | None = None,
) -> Finding:
    return Finding(
        check=CHECK,
        status=status,
        subject=subject or RLIMIT_PREFIX + name,
        expected=expected,
        observed=observed,
        reason=reason,
        remedy=remedy,
        location=Location(file=origin.file, line=origin.line) if origin and origin.line else None,
    )


def _shown(side: Side) -> str:
    return "unlimited" if side.value == UNLIMITED else str(side.value)


def _pair(pair: tuple[int, int]) -> str:
    soft, hard = ("unlimited" if each == UNLIMITED else str(each) for each in pair)
    return f"{soft}:{hard}"
