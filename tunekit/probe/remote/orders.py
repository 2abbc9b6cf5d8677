"""What the leading process of a server and its workers say to each other.

A message begins with its kind, a byte; the host is trusted, so nothing is checked.
"""

from __future__ import annotations

import socket
import struct
from array import array

from tunekit.probe.remote.sessions import Session
from tunekit.probe.remote.wire import Answer, Share

LISTEN = b"L"
"""To a worker, with the listeners: accept. And back when it does."""
SESSION = b"S"
"""To a worker: a session that its connections may be of."""
ANSWERED = b"A"
"""To a worker: what became of its request of that serial."""
END = b"E"
"""To a worker: drop a session's connections. And back when that is done."""
OPEN = b"O"
"""From a worker: somebody who knows the secret wants a session."""
CLOSED = b"X"
"""From a worker: the control connection of a session is gone."""

_MOST_DESCRIPTORS = 64
_SESSION = struct.Struct(">cIQII32s")
_ANSWERED = struct.Struct(">cIBIQ")
_NUMBER = struct.Struct(">cI")
_OPEN = struct.Struct(">cIII32s")


def session(one: Session) -> bytes:
    """Make a session known."""
    share = one.share
    return _SESSION.pack(SESSION, one.number, one.start, share.connections, share.shards, one.key)


def session_of(message: bytes) -> Session:
    """The session that a SESSION message is about."""
    _, number, start, connections, shards, key = _SESSION.unpack(message)
    share = Share(connections=connections, shards=shards)
    return Session(number=number, start=start, share=share, key=key)


def answered(serial: int, answer: Answer, *, session: int = 0, room: int = 0) -> bytes:
    """Answer an OPEN."""
    return _ANSWERED.pack(ANSWERED, serial, answer, session, room)


def answer_of(message: bytes) -> tuple[int, Answer, int, int]:
    """Serial, answer, session and room of an ANSWERED message."""
    _, serial, answer, number, room = _ANSWERED.unpack(message)
    return serial, Answer(answer), number, room


def open_(serial: int, share: Share, key: bytes) -> bytes:
    """Ask for a session."""
    return _OPEN.pack(OPEN, serial, share.connections, share.shards, key)


def request_of(message: bytes) -> tuple[int, Share, bytes]:
    """Serial, share and key of an OPEN message."""
    _, serial, connections, shards, key = _OPEN.unpack(message)
    return serial, Share(connections=connections, shards=shards), key


def about(kind: bytes, number: int) -> bytes:
    """An END or CLOSED message."""
    return _NUMBER.pack(kind, number)


def number_of(message: bytes) -> int:
    """The session that an END or CLOSED message is about."""
    return int(_NUMBER.unpack(message)[1])


def receive(control: socket.socket) -> tuple[bytes, list[int]]:
    """Take a message that is there already, with the descriptors that came along.

    Raises BlockingIOError when there is none. (`socket.recv_fds` forgets its flags up to Python
    3.12, and would wait.)
    """
    descriptors = array("i")
    space = socket.CMSG_LEN(_MOST_DESCRIPTORS * descriptors.itemsize)
    message, extras, _, _ = control.recvmsg(4096, space, socket.MSG_DONTWAIT)
    for level, kind, data in extras:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return message, list(descriptors)
