"""How SO_SNDBUF and SO_RCVBUF affect sending, measured on loopback with nobody reading."""

from __future__ import annotations

import errno
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tunekit.errors import ProbeRefused
from tunekit.kernel.readings import Value
from tunekit.kernel.sysctl import Sysctls
from tunekit.probe import sockbuf_rules as rules
from tunekit.probe.load import Family
from tunekit.probe.model import Measurement, Scalar
from tunekit.probe.sockbuf_rules import Grant, Option
from tunekit.values import SysctlKey

SIZES: tuple[int | None, ...] = (None, 4096, 65536, 1 << 20)
"""What to try when nothing is said; None leaves the option alone."""

QUIET = 0.15
"""Seconds without progress after which a connection is full: the first EAGAIN can come at half of
what fits, while acknowledgements and window updates are still on their way.
"""

_WRITE = 65536
_LONGEST = 20.0
# <linux/sockios.h>; SIOCINQ and SIOCOUTQ share their numbers with the terminal's ioctls.
_SIOCINQ, _SIOCOUTQ, _SIOCOUTQNSD = 0x541B, 0x5411, 0x894B


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """What a connection took until it was full, in bytes.

    `unacked` was accepted and not acknowledged (SIOCOUTQ), of which `unsent` was not even sent;
    `unread` waits at the receiver (SIOCINQ).
    """

    accepted: int
    unacked: int
    unsent: int
    unread: int
    send_buffer: int
    receive_buffer: int
    seconds: float


def measure(
    sndbuf: Iterable[int | None] = SIZES,
    rcvbuf: Iterable[int | None] = SIZES,
    *,
    family: Family = Family.INET,
    observe: Callable[[str], None] | None = None,
) -> tuple[Measurement, ...]:
    """Measure each pair of sizes; None leaves an option alone.

    For each, `sockbuf.granted` for both options with what was predicted and why, and
    `sockbuf.accepted`, `sockbuf.unacked`, `sockbuf.unsent` and `sockbuf.unread`, in bytes.
    """
    receivers = tuple(rcvbuf)
    sysctls = Sysctls()
    figures: list[Measurement] = []
    for send in sndbuf:
        for receive in receivers:
            if observe is not None:
                observe(f"SO_SNDBUF {_shown(send)}, SO_RCVBUF {_shown(receive)}")
            try:
                figures += _measure_one(send, receive, family, sysctls)
            except OSError as error:
                raise _unmeasured(error) from error
    return tuple(figures)


def _unmeasured(error: OSError) -> ProbeRefused:
    down = error.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EHOSTUNREACH)
    return ProbeRefused(
        f"no connection over loopback: {error.strerror}",
        errno=error.errno,
        hint="ip link set lo up" if down else "see ulimit -n and iptables-save",
    )


def fill(sender: socket.socket, receiver: socket.socket, *, quiet: float = QUIET) -> Fill:
    """Send without blocking until `quiet` seconds pass without a byte accepted, nobody reading."""
    sender.setblocking(False)
    data = bytes(_WRITE)
    accepted = 0
    start = last = time.monotonic()
    poll = select.poll()
    poll.register(sender, select.POLLOUT)
    waiting = time.monotonic
    while (left := last + quiet - waiting()) > 0 and waiting() < start + _LONGEST:
        try:
            accepted += sender.send(data)
            last = waiting()
        except BlockingIOError:
            # POLLOUT comes only when a third is free (sk_stream_is_writeable), and a send may be
            # taken before: so look again in between.
            poll.poll(min(left, quiet / 8) * 1000)
    return Fill(
        accepted=accepted,
        unacked=_queued(sender, _SIOCOUTQ),
        unsent=_queued(sender, _SIOCOUTQNSD),
        unread=_queued(receiver, _SIOCINQ),
        send_buffer=sender.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
        receive_buffer=receiver.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
        seconds=last - start,
    )


@contextmanager
def connected(
    send: int | None, receive: int | None, family: Family
) -> Iterator[tuple[socket.socket, socket.socket, dict[Option, int]]]:
    """Connect a sender to a receiver over loopback, with what each was granted before.

    The window scale is fixed at the SYN, so the options are set before connect and listen; an
    accepted socket inherits the listener's. Both ends are reset at the end.
    """
    address = "::1" if family is Family.INET6 else "127.0.0.1"
    reset = struct.pack("ii", 1, 0)
    with (
        socket.socket(family.value) as listener,
        socket.socket(family.value) as sender,
    ):
        granted = {
            Option.SEND: _grant(sender, socket.SO_SNDBUF, send),
            Option.RECEIVE: _grant(listener, socket.SO_RCVBUF, receive),
        }
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        listener.bind((address, 0))
        listener.listen(1)
        sender.settimeout(_LONGEST)
        sender.connect(listener.getsockname())
        listener.settimeout(_LONGEST)
        receiver, _ = listener.accept()
        with receiver:
            yield sender, receiver, granted


def _measure_one(
    send: int | None, receive: int | None, family: Family, sysctls: Sysctls
) -> Iterator[Measurement]:
    sizes: dict[str, Scalar] = {"sndbuf": send, "rcvbuf": receive, "family": family.name.lower()}
    with connected(send, receive, family) as (sender, receiver, granted):
        for option, requested in ((Option.SEND, send), (Option.RECEIVE, receive)):
            expected = _predict(option, requested, sysctls)
            yield Measurement(
                name="sockbuf.granted",
                measured=granted[option],
                unit="B",
                parameters={
                    "option": option.value,
                    "why": expected.why.value if expected else None,
                    **sizes,
                },
                requested=requested,
                granted=granted[option],
                predicted=expected.size if expected else None,
                note=expected.explanation if expected else "the limit is not shown here",
            )
        full = fill(sender, receiver)
    sizes |= {"send_buffer": full.send_buffer, "receive_buffer": full.receive_buffer}
    for name in ("accepted", "unacked", "unsent", "unread"):
        yield Measurement(
            name=f"sockbuf.{name}", measured=getattr(full, name), unit="B", parameters=sizes
        )


def _grant(one: socket.socket, option: int, requested: int | None) -> int:
    if requested is not None:
        one.setsockopt(socket.SOL_SOCKET, option, requested)
    return one.getsockopt(socket.SOL_SOCKET, option)


def _predict(option: Option, requested: int | None, sysctls: Sysctls) -> Grant | None:
    """What will be granted; None where the limit is not shown, as in a namespace on Linux 6.1."""
    if requested is None:
        field = _field(sysctls, option.automatic_key, 1)
        return None if field is None else rules.predict_unset(option, field=field)
    ceiling = _field(sysctls, option.ceiling_key, 0)
    return None if ceiling is None else rules.predict(option, requested, ceiling=ceiling)


def _field(sysctls: Sysctls, key: str, place: int) -> int | None:
    reading = sysctls.read(SysctlKey.parse(key))
    return int(reading.text.split()[place]) if isinstance(reading, Value) else None


def _queued(one: socket.socket, request: int) -> int:
    import fcntl

    answer = fcntl.ioctl(one, request, bytes(4))
    return int.from_bytes(answer, sys.byteorder)


def _shown(size: int | None) -> str:
    return "unset" if size is None else str(size)
