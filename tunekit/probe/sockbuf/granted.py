"""What each request for a buffer size is granted, predicted by rule and asked of the kernel."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunekit.probe.model import Measurement
from tunekit.probe.sockbuf import queue, readings, rules
from tunekit.probe.sockbuf.ends import Pair, Sizes, Transport, connected, refused
from tunekit.probe.sockbuf.host import Segments, Sysctl
from tunekit.probe.sockbuf.rules import Grant, Option

NAME = "sockbuf.granted"

# include/uapi/asm-generic/socket.h; Python has no names for the last two.
_NUMBERS = {Option.SEND: socket.SO_SNDBUF, Option.RECEIVE: socket.SO_RCVBUF}
_FORCES = {Option.SEND: 32, Option.RECEIVE: 33}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request for a size in bytes; None asks for nothing."""

    option: Option
    size: int | None
    force: bool = False

    @property
    def name(self) -> str:
        """The option as socket(7) spells it."""
        return f"{self.option.value}FORCE" if self.force else self.option.value


def requests(option: Option, *, ceiling: int | None, sizes: Sequence[int | None]) -> list[Request]:
    """The sizes that a user asked about, and those at the edges of the rules."""
    edge = 1 << 22 if ceiling is None else ceiling
    least = option.minimum
    edges = (-1, 0, 1, least // 2 - 1, least // 2, least // 2 + 1, least - 1, least, least + 1)
    large = (2 * least, 65536, edge // 2, edge - 1, edge, edge + 1, 2 * edge, 2**30, 2**31 - 1)
    asked = dict.fromkeys((None, *edges, *large, *sizes))
    return [
        Request(option=option, size=size, force=force)
        for force in (False, True)
        for size in asked
        if not (force and size is None)
    ]


def sweep(
    transport: Transport, sysctls: Sysctl, *, sizes: Sequence[int | None] = ()
) -> Iterator[Measurement]:
    """Ask for each size on a fresh socket. Where FORCE is not permitted, that is its outcome."""
    ceilings = {Option.SEND: sysctls.wmem_max, Option.RECEIVE: sysctls.rmem_max}
    for option, ceiling in ceilings.items():
        for request in requests(option, ceiling=ceiling, sizes=sizes):
            yield _one(request, transport, sysctls)


def unset_when_connected(
    transport: Transport, sysctls: Sysctl, segments: Segments
) -> Iterator[Measurement]:
    """What buffers that nobody set have become once a TCP connection is established."""
    with connected(
        Sizes(send=None, receive=None), transport, congestion=segments.congestion
    ) as pair:
        begun = queue.begun_with(segments, largest=sysctls.tcp_wmem[2])
        for option, one, size in (
            (Option.SEND, pair.sender, max(begun, sysctls.tcp_wmem[1])),
            (Option.RECEIVE, pair.receiver, sysctls.tcp_rmem[1]),
        ):
            grant = rules.predict_unset(option, field=size)
            yield _measured(
                Request(option=option, size=None),
                one,
                grant,
                transport,
                state="connected",
                note=f"{option.automatic_key} lets it grow",
            )


def of_pair(pair: Pair, transport: Transport, sysctls: Sysctl) -> Iterator[Measurement]:
    """What the two ends of a pair were granted, for the sizes that were asked for."""
    for option, asked, granted, one in zip(
        Option,
        (pair.sizes.send, pair.sizes.receive),
        pair.granted,
        (pair.sender, pair.receiver),
        strict=True,
    ):
        request = Request(option=option, size=asked)
        grant = _predict(request, transport, sysctls)
        yield _measured(
            request, one, grant, transport, state="pair", sizes=pair.sizes, granted=granted
        )


def _one(request: Request, transport: Transport, sysctls: Sysctl) -> Measurement:
    try:
        fresh = transport.open()
    except OSError as error:
        raise refused(error) from error
    with fresh:
        grant = _predict(request, transport, sysctls)
        if request.size is not None:
            number = (_FORCES if request.force else _NUMBERS)[request.option]
            try:
                fresh.setsockopt(socket.SOL_SOCKET, number, request.size)
            except PermissionError:
                return Measurement(
                    name=NAME,
                    measured=None,
                    unit="B",
                    parameters=_parameters(request, transport, "fresh", grant),
                    requested=request.size,
                    note="not permitted: it needs CAP_NET_ADMIN",
                )
        return _measured(request, fresh, grant, transport, state="fresh")


def _measured(
    request: Request,
    one: socket.socket,
    grant: Grant | None,
    transport: Transport,
    *,
    state: str,
    sizes: Sizes | None = None,
    granted: int | None = None,
    note: str = "",
) -> Measurement:
    """`granted` is what was read earlier, where it may have changed since."""
    size = granted or one.getsockopt(socket.SOL_SOCKET, _NUMBERS[request.option])
    locks = readings.locks(one)
    parameters = _parameters(request, transport, state, grant)
    if locks is not None:
        parameters["locked"] = locks[0 if request.option is Option.SEND else 1]
    if sizes is not None:
        parameters |= {"sndbuf": sizes.send, "rcvbuf": sizes.receive}
    explanation = grant.explanation if grant else "the limit is not shown here"
    return Measurement(
        name=NAME,
        measured=size,
        unit="B",
        parameters=parameters,
        requested=request.size,
        granted=size,
        predicted=grant.size if grant else None,
        note=note or explanation,
    )


def _parameters(
    request: Request, transport: Transport, state: str, grant: Grant | None
) -> dict[str, str | int | float | bool | None]:
    return {
        "option": request.name,
        "state": state,
        "family": transport.value,
        "why": grant.why.value if grant else None,
    }


def _predict(request: Request, transport: Transport, sysctls: Sysctl) -> Grant | None:
    """What will be granted; None where the limit is not shown, as in a namespace on Linux 6.1."""
    option, send = request.option, request.option is Option.SEND
    if request.size is None:
        if transport.is_tcp:
            field = (sysctls.tcp_wmem if send else sysctls.tcp_rmem)[1]
            return rules.predict_unset(option, field=field)
        default = sysctls.wmem_default if send else sysctls.rmem_default
        return None if default is None else rules.predict_default(option, size=default)
    if request.force:
        return rules.predict_forced(option, request.size)
    ceiling = sysctls.wmem_max if send else sysctls.rmem_max
    return None if ceiling is None else rules.predict(option, request.size, ceiling=ceiling)
