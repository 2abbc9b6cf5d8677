"""Programs and what they run on, as plain facts."""

from __future__ import annotations

from typing import Any

from tunekit.kernel.processes import Group
from tunekit.kernel.running import Likeness, Program, Role, Running, Sockets
from tunekit.kernel.sockdiag import Listener

PRESENT = {
    "net.core.somaxconn": "16384",
    "net.ipv4.tcp_congestion_control": "bbr",
    "net.ipv4.tcp_rmem": "4096\t262144\t33554432",
    "net.ipv4.tcp_wmem": "4096\t65536\t4194304",
    "net.core.rmem_max": "8388608",
    "net.core.wmem_max": "8388608",
    "net.core.rmem_default": "212992",
    "net.core.wmem_default": "212992",
}
NGINX = Group(unit="nginx.service")


def listener(backlog: int, port: int = 80, address: str = "0.0.0.0") -> Listener:
    return Listener(address, port, port, backlog, 0, 262144, 65536)


def sockets(role: Role, count: int = 1, *, congestion: str = "", **more: Any) -> Sockets:
    receive, send = more.pop("receive", 262144), more.pop("send", 65536)
    return Sockets(alike=Likeness(role, congestion, receive, send), count=count, **more)


def program(name: str = "nginx", *listeners: Listener, **more: Any) -> Program:
    found = {"pids": (70, 71), "group": NGINX, **more}
    if listeners and "sockets" not in found:
        found["sockets"] = (sockets(Role.LISTENER, len(listeners)),)
    return Program(name=name, listeners=listeners, **found)


def running(*programs: Program, **more: Any) -> Running:
    return Running(programs=programs, **{"present": PRESENT, "processes": 2, **more})
