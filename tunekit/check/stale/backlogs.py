"""Listening sockets whose backlog was cut to a net.core.somaxconn of earlier.

The kernel keeps what listen() got, and not what it asked for (__sys_listen_socket, net/socket.c).
A backlog of just what the ceiling was before is suspect; a lower one is the program's own choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tunekit.check.model import Finding, Status
from tunekit.check.stale.model import Wanted, label, listed, restart
from tunekit.kernel.running import Program, Running
from tunekit.kernel.sockdiag import Listener

CHECK = "stale.backlog"
KEY = "net.core.somaxconn"

_DEFAULT = 4096
"""SOMAXCONN since Linux 5.4 (19f92a030ca6)."""
_OWN_SETTING = {
    "apache2": "ListenBacklog",
    "haproxy": "backlog",
    "httpd": "ListenBacklog",
    "lighttpd": "server.listen-backlog",
    "mariadbd": "back_log",
    "memcached": "-b",
    "mysqld": "back_log",
    "nginx": "backlog= of the listen directive",
    "php-fpm": "listen.backlog",
    "redis-server": "tcp-backlog",
    "uwsgi": "--listen",
    "varnishd": "-p listen_depth",
}
"""What programs call their own setting, by the name of their processes."""


def judge(running: Running, wanted: Wanted) -> Iterator[Finding]:
    """Judge the listeners of each program."""
    if KEY not in running.present:
        return
    ceiling = int(running.present[KEY])
    before = {value for value in (*wanted.numbers(KEY), _DEFAULT) if value < ceiling}
    for program in running.programs:
        cut = [each for each in program.listeners if each.backlog in before]
        if cut:
            yield _suspect(program, cut, ceiling, wanted)
        chosen = [
            each
            for each in program.listeners
            if each.backlog < ceiling and each.backlog not in before
        ]
        if chosen:
            yield _own_choice(program, chosen, ceiling)
        rest = [each for each in program.listeners if each.backlog >= ceiling]
        if rest:
            yield _in_line(program, rest, ceiling)


def _suspect(program: Program, found: Sequence[Listener], ceiling: int, wanted: Wanted) -> Finding:
    values = sorted({each.backlog for each in found})
    journal = wanted.numbers(KEY).issuperset(values)
    texts = " or ".join(map(str, values))
    source = f"{KEY} was {texts} before" if journal else f"{texts} is the kernel's default of {KEY}"
    remedy = restart(program)
    if program.activated:
        remedy = "restart the unit that `systemctl list-sockets` shows for it"
    return Finding(
        check=CHECK,
        status=Status.WARN,
        subject=label(program),
        expected=f"up to {ceiling}",
        observed=_shown(found),
        reason=f"{source} and may have cut what it asked for; a listener keeps that until it "
        "listens anew, which a reload as a rule does not",
        remedy=f"{remedy}; where that changes nothing, raise its own {_setting(program)}",
    )


def _own_choice(program: Program, found: Sequence[Listener], ceiling: int) -> Finding:
    return Finding(
        check=CHECK,
        status=Status.PASS,
        subject=label(program),
        expected=f"up to {ceiling}",
        observed=f"{_shown(found)}, its own choice",
        reason="the kernel never cut one to that, so the program asked for it",
        remedy=f"where it has to take more at once, raise its own {_setting(program)}, then: "
        f"{restart(program)}",
    )


def _in_line(program: Program, found: Sequence[Listener], ceiling: int) -> Finding:
    return Finding(
        check=CHECK,
        status=Status.PASS,
        subject=label(program),
        expected=f"up to {ceiling}",
        observed=_shown(found),
        reason="as much as the kernel allows now, or more",
    )


def _setting(program: Program) -> str:
    own = _OWN_SETTING.get(program.name)
    return f"setting ({own})" if own else "backlog setting"


def _shown(found: Sequence[Listener]) -> str:
    """Backlogs with their places: `4096 on 0.0.0.0:80, [::]:80`."""
    places: dict[int, list[str]] = {}
    for each in sorted(found, key=lambda one: (one.port, one.address)):
        address = f"[{each.address}]" if ":" in each.address else each.address
        places.setdefault(each.backlog, []).append(f"{address}:{each.port}")
    return "; ".join(
        f"{backlog} on {listed(list(dict.fromkeys(found)))}"
        for backlog, found in sorted(places.items())
    )
