"""Processes whose limit of open files is below the profile's.

A limit is inherited at fork and kept over exec: a service has what its manager gave it when it
was started (setrlimit(2)). Who holds no socket of this network namespace carries none of its load.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from shlex import quote

from tunekit.check.model import Finding, Status
from tunekit.check.stale.model import Wanted, counted, edit, label, listed, pids, restart
from tunekit.kernel.processes import UNLIMITED
from tunekit.kernel.running import Program, Running

CHECK = "stale.nofile"

_PIDS_IN_A_COMMAND = 8


def judge(running: Running, wanted: Wanted) -> Iterator[Finding]:
    """Judge the processes of each program, those of equal limits together; who may not be looked at
    is named in one finding.
    """
    unknown = []
    for program in running.programs:
        for present, members in program.nofile.items():
            if present not in wanted.nofile:
                continue
            if not program.sockets and _may_hold_some(program, running):
                unknown.append(label(program))
                continue
            finding = _short(program, present, members, wanted)
            if not program.sockets:
                finding = replace(
                    finding,
                    status=Status.SKIP,
                    reason="holds no socket of this network namespace, and so none of its load",
                )
            yield finding
    names = list(dict.fromkeys(unknown))
    if names:
        yield Finding(
            check=CHECK,
            status=Status.UNKNOWN,
            subject=counted(len(names), "program"),
            expected="the limit of the profile, if they hold a socket",
            observed=f"less: {listed(names, 5)}",
            reason="whether they hold a socket may not be seen",
            remedy="run as root; in a container CAP_SYS_PTRACE is needed too",
        )


def _may_hold_some(program: Program, running: Running) -> bool:
    """Tell whether a program of which no socket was found may have one all the same."""
    return bool(running.unasked) or (program.unreadable > 0 and not running.every_holder_seen)


def _short(
    program: Program, present: tuple[int, int], members: tuple[int, ...], wanted: Wanted
) -> Finding:
    needed = wanted.nofile[present]
    who = f"{counted(len(members), 'process', 'processes')}, {pids(members)}"
    return Finding(
        check=CHECK,
        status=Status.FAIL,
        subject=label(program),
        expected=shown(needed),
        observed=f"{shown(present)} ({who})",
        reason="each connection is an open file; at the soft limit accept() fails with EMFILE",
        remedy=_remedy(program, needed, members, wanted),
    )


def _remedy(
    program: Program, needed: tuple[int, int], members: tuple[int, ...], wanted: Wanted
) -> str:
    """At once by prlimit, which a program that sized its tables does not notice; or for good."""
    if wanted.profile and len(members) <= _PIDS_IN_A_COMMAND:
        at_once = f"tunekit apply {wanted.profile} {' '.join(f'--pid {pid}' for pid in members)}"
    else:
        limits = f"--nofile={':'.join(map(_word, needed))}"
        at_once = (
            f"for pid in $(pgrep -x -- {quote(program.name)}); do prlimit --pid $pid {limits}; done"
        )
    return f"{at_once}; for good: {_for_good(program, needed, wanted)}"


def _for_good(program: Program, needed: tuple[int, int], wanted: Wanted) -> str:
    if program.group.container:
        return f"start it with --ulimit nofile={':'.join(map(_word, needed))}"
    if program.group.unit:
        # systemd's own word for no limit is infinity (systemd.exec(5)).
        limit = ":".join("infinity" if n == UNLIMITED else str(n) for n in needed)
        return f"{edit(program)} with LimitNOFILE={limit}, then {restart(program)}"
    return f"start it with tunekit run {wanted.profile or 'PROFILE'} -- COMMAND"


def shown(limits: tuple[int, int]) -> str:
    """A soft and a hard limit, such as `1024:524288`."""
    return ":".join(map(_word, limits))


def _word(number: int) -> str:
    return "unlimited" if number == UNLIMITED else str(number)
