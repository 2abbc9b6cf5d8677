"""The client's side of a control connection: a session with one target, and its counts."""

from __future__ import annotations

import _socket
import errno
import os
import secrets
import socket
import struct
import time
from types import TracebackType

from tunekit.errors import ProbeRefused
from tunekit.probe.remote import wire
from tunekit.probe.remote.model import Endpoint
from tunekit.probe.remote.wire import Answer, Foreign, Keys, Share

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Line:
    """A session with a server; closing it ends the session there.

    Made by `open_line`.
    """

    def __init__(
        self, control: socket.socket, endpoint: Endpoint, keys: Keys, share: Share, session: int
    ) -> None:
        self.endpoint = endpoint
        self.keys = keys
        self.share = share
        self.session = session
        self._control = control

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._control.close()

    @property
    def descriptor(self) -> int:
        """What becomes readable when the server goes away."""
        return self._control.fileno()

    def tally(self, round_: int, *, seconds: float) -> bytes | None:
        """Ask for the server's set of a round: a byte for each connection, 1 for one that brought
        its token. None when the server does not say so in time.
        """
        until = time.monotonic() + seconds
        try:
            _send(self._control, self.keys.ask(round_), until)
            head = _receive(self._control, wire.SIZES[wire.TALLY], until)
            size = self.keys.read_tally_size(head)
            if size > -(-self.share.connections // 8):
                return None
            bits = self.keys.read_tally(head, _receive(self._control, size, until), round_=round_)
            return wire.cells_of(bits, self.share.connections)
        except (OSError, Foreign):
            return None


def open_line(
    endpoint: Endpoint, share: Share, *, secret: bytes, source: str | None, seconds: float
) -> Line:
    """Open a session for some connections. Raises ProbeRefused, with nothing left open, when there
    is no server, when it is no server of ours, or when it refuses.
    """
    until = time.monotonic() + seconds
    control = socket.socket(endpoint.family.value, socket.SOCK_STREAM)
    try:
        control.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        control.settimeout(seconds)
        if source is not None:
            bind_source(control, source)
        control.connect(endpoint.pair)
        keys, answer, session, room = _agree(control, share, secret, until)
        _check(endpoint, share, answer, room, guarded=bool(secret))
    except Foreign:
        control.close()
        raise ProbeRefused(
            f"{endpoint} is no `tunekit serve`, or one of another version",
            hint="see which program listens there",
        ) from None
    except OSError as error:
        control.close()
        raise _unreachable(endpoint, error) from error
    except BaseException:
        control.close()
        raise
    return Line(control, endpoint, keys, share, session)


def bind_source(one: _socket.socket, source: str) -> None:
    """Fix a socket's own address and leave the port to connect(): one that bind() chose would be
    taken for every destination (ip(7), IP_BIND_ADDRESS_NO_PORT).
    """
    one.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    one.bind((source, 0))


IP_BIND_ADDRESS_NO_PORT = 24
"""<linux/in.h>; of level IPPROTO_IP for both families. Python has no name for it before 3.12."""


def _agree(
    control: socket.socket, share: Share, secret: bytes, until: float
) -> tuple[Keys, Answer, int, int]:
    mine = secrets.token_bytes(wire.NONCE)
    _send(control, wire.opening(mine), until)
    reply = _receive(control, wire.SIZES[wire.CHALLENGE], until, kind=wire.CHALLENGE)
    keys = Keys.agree(secret, mine, wire.nonce_of(wire.CHALLENGE, reply))
    _send(control, keys.request(share), until)
    frame = _receive(control, wire.SIZES[wire.ANSWER], until, kind=wire.ANSWER)
    return keys, *keys.read_answer(frame)


def _check(endpoint: Endpoint, share: Share, answer: Answer, room: int, *, guarded: bool) -> None:
    if answer is Answer.WRONG_TOKEN:
        raise ProbeRefused(
            f"{endpoint} does not accept "
            + ("this token" if guarded else "clients without a token"),
            hint="give --token-file with the file that `tunekit serve` was given there, or none "
            "if it was given none",
        )
    if answer is Answer.FULL:
        raise ProbeRefused(
            f"{endpoint} has room for {room} connections more, not for {share.connections}",
            key="serve --max-connections",
            hint=f"ask for at most {room}"
            if room
            else "wait for its other clients, or start it with more --max-connections",
        )
    if answer is Answer.BUSY:
        raise ProbeRefused(
            f"{endpoint} has as many clients as it takes", hint="wait until some have ended"
        )


def _send(control: socket.socket, data: bytes, until: float) -> None:
    control.settimeout(_left(until))
    control.sendall(data)


def _receive(control: socket.socket, size: int, until: float, *, kind: bytes = b"") -> bytes:
    """Receive so many bytes that begin with `kind`. Raises OSError, or Foreign at the first byte
    that is another.
    """
    received = b""
    while len(received) < size:
        control.settimeout(_left(until))
        chunk = control.recv(min(size - len(received), 1 << 16))
        if not chunk:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        received += chunk
        if received[: len(kind)] != kind[: len(received)]:
            raise Foreign
    return received


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
    return left


def _unreachable(endpoint: Endpoint, error: OSError) -> ProbeRefused:
    number = error.errno or errno.ETIMEDOUT
    hints = {
        errno.ECONNREFUSED: f"start `tunekit serve --listen {endpoint}` there",
        errno.ECONNRESET: "it hung up: see what `tunekit serve` says there",
        errno.EADDRNOTAVAIL: "a --source must be an address of this host: see `ip address`",
    }
    return ProbeRefused(
        f"{endpoint} cannot be used: {os.strerror(number).lower()}",
        errno=number,
        hint=hints.get(number, "see `ip route get` for the way there, and the firewalls on it"),
    )
