"""What serving and loading over a network are asked, and what comes out of a service."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from tunekit.errors import UsageError
from tunekit.probe.load import Family
from tunekit.probe.model import Measurement

DEFAULT_PATIENCE = 10.0
"""Seconds that a connection has to say whose it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address and a TCP port, as numbers: nothing is looked up."""

    address: str
    port: int

    @classmethod
    def parse(cls, text: str, *, any_port: bool = False) -> Endpoint:
        """Read `192.0.2.1:7000` or `[2001:db8::1]:7000`; port 0 is one when `any_port`.

        Raises UsageError.
        """
        host, colon, port = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        address = host[1:-1] if bracketed else host
        usable = colon and bracketed == (":" in address) and family_of(address) is not None
        digits = port.isascii() and port.isdigit() and len(port) <= 5
        if not usable or not digits or not (0 if any_port else 1) <= int(port) <= 65535:
            raise UsageError(
                f"{text!r} is no address and port",
                hint="write 192.0.2.1:7000 or [2001:db8::1]:7000; names are not looked up",
            )
        return cls(address=address, port=int(port))

    @property
    def family(self) -> Family:
        """The family of the address."""
        return Family.INET6 if ":" in self.address else Family.INET

    @property
    def is_loopback(self) -> bool:
        """Tell whether only this host can be at the other end."""
        if self.family is Family.INET6:
            return socket.inet_pton(socket.AF_INET6, self.address) == bytes(15) + b"\x01"
        return socket.inet_pton(socket.AF_INET, self.address)[0] == 127

    @property
    def is_any(self) -> bool:
        """Tell whether it stands for every address of the host."""
        return not any(socket.inet_pton(self.family.value, self.address))

    @property
    def pair(self) -> tuple[str, int]:
        """What connect() and bind() take."""
        return self.address, self.port

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.family is Family.INET6 else self.address
        return f"{host}:{self.port}"


def family_of(address: str) -> Family | None:
    """The family of an address in numbers; None when it is no such address."""
    for family in (Family.INET, Family.INET6):
        try:
            socket.inet_pton(family.value, address)
        except (OSError, ValueError):
            continue
        return family
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What to serve: where, to whom, how much and how long.

    `secret` is what clients must hold, empty for nobody in particular, which is for loopback
    alone. `max_connections` is over all sessions; None takes what half of the available memory
    carries. `seconds` is how long, None until it is told to end. `patience` seconds pass before a
    connection that has not said whose it is is dropped. `user` is who the workers become when the
    caller is root.
    """

    listen: tuple[Endpoint, ...]
    secret: bytes = field(default=b"", repr=False)
    max_connections: int | None = None
    seconds: float | None = None
    patience: float = DEFAULT_PATIENCE
    user: str | None = "nobody"
    backlog: int = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A service that listens: where, for how many, as whom, with how many processes."""

    listening: tuple[Endpoint, ...]
    max_connections: int
    user: str
    guarded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionServed:
    """What became of one session: `proved` connections brought at least one right token."""

    number: int
    asked: int
    proved: int
    seconds: float
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What became of a Service.

    `strangers` counts connections that were none of a session by why they were dropped. `refused`
    counts accepts that failed, last for the errno named `why`. `killed` workers ended by no doing
    of ours.
    """

    sessions: tuple[SessionServed, ...]
    accepted: int
    greeted: int
    echoed: int
    peak: int
    strangers: Mapping[str, int]
    turned_away: int
    refused: int
    why: str
    workers: int
    killed: int
    seconds: float
    measurements: tuple[Measurement, ...] = ()
