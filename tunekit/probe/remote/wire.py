"""What the two hosts say to each other: frames as bytes, and what proves them.

Pure: bytes in, bytes out. A client opens a control connection for a session and then the
connections that are to be proved, each of which begins with a greeting of that session.

    control    client OPENING    nonce
               server CHALLENGE  nonce
               client REQUEST    how many connections, in how many shards, and its proof
               server ANSWER     yes or why not, the session's number, and its proof
               client ASK        the set of round r            (any number of times)
               server TALLY      the set of round r, a bit a connection
    data       client GREETING   session, place, proof; then tokens, each of which comes back

A proof is an HMAC-SHA256 (RFC 2104) under the shared secret, or under the session's key, which is
one over both nonces. The secret itself is never sent. Who has no secret uses an empty one: then
the frames tell tunekit from anything else, and nobody from anybody.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from tunekit.probe import tokens

MAGIC = b"tk1"
"""The beginning of every frame; the number is the protocol's version."""
OPENING, CHALLENGE, REQUEST, ANSWER, ASK, TALLY, GREETING = (
    MAGIC + kind for kind in (b"O", b"C", b"R", b"A", b"Q", b"T", b"G")
)
HEAD = len(OPENING)
NONCE = 16
MOST_CONNECTIONS = 1 << 26
MOST_SHARDS = 1 << 12

_PROOF = 16
_REQUEST = struct.Struct(f">4sII{_PROOF}s")
_ANSWER = struct.Struct(f">4sBIQ{_PROOF}s")
_ASK = struct.Struct(f">4sI{_PROOF}s")
_TALLY = struct.Struct(f">4sII{_PROOF}s")
_GREETING = struct.Struct(f">4sIQ{_PROOF}s")

SIZES = {
    OPENING: HEAD + NONCE,
    CHALLENGE: HEAD + NONCE,
    REQUEST: _REQUEST.size,
    ANSWER: _ANSWER.size,
    ASK: _ASK.size,
    TALLY: _TALLY.size,
    GREETING: _GREETING.size,
}
"""The bytes of each frame; a TALLY is followed by its set."""
GREETING_SIZE = _GREETING.size


class Foreign(Exception):
    """Bytes that are no frame of ours, or one that is not proved."""


class Answer(IntEnum):
    """What a server says to a request."""

    YES = 0
    WRONG_TOKEN = 1
    FULL = 2
    BUSY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How a session's connections are parted among the client's shards, the larger parts first.

    A connection's place is its shard's number and its own in there; its cell is its number over
    the whole session.
    """

    connections: int
    shards: int

    def cell(self, place: int) -> int:
        """The cell of a place. Raises Foreign for a place that the session does not have."""
        shard, index = place >> tokens.INDEX_BITS, place & ((1 << tokens.INDEX_BITS) - 1)
        each, more = divmod(self.connections, self.shards)
        if shard >= self.shards or index >= each + (shard < more):
            raise Foreign
        return shard * each + min(shard, more) + index


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The key of one session. `nonce` is that of its tokens."""

    key: bytes

    @classmethod
    def agree(cls, secret: bytes, client: bytes, server: bytes) -> Keys:
        """Derive the key from the secret and both nonces."""
        return cls(key=_mac(secret, b"session", client, server))

    @property
    def nonce(self) -> int:
        """The nonce of the session's tokens."""
        return int.from_bytes(_mac(self.key, b"tokens")[: tokens.NONCE_BITS // 8], "big")

    def request(self, share: Share) -> bytes:
        """Ask for a session."""
        body = REQUEST, share.connections, share.shards
        return _REQUEST.pack(*body, self._proof(b"request", *body[1:]))

    def read_request(self, frame: bytes) -> Share:
        """What a client asks for. Raises Foreign when it is not proved or makes no sense."""
        _, connections, shards, proof = _unpack(_REQUEST, REQUEST, frame)
        self._check(proof, b"request", connections, shards)
        if not 1 <= shards <= min(connections, MOST_SHARDS) or connections > MOST_CONNECTIONS:
            raise Foreign
        return Share(connections=connections, shards=shards)

    def answer(self, answer: Answer, session: int = 0, room: int = 0) -> bytes:
        """Answer a request: `session` is the number given, `room` the connections still free."""
        # Nothing that is made of the secret goes to somebody who has not shown to have it.
        refused = answer is Answer.WRONG_TOKEN
        proof = b"" if refused else self._proof(b"answer", answer, session, room)
        return _ANSWER.pack(ANSWER, answer, session, room, proof)

    def read_answer(self, frame: bytes) -> tuple[Answer, int, int]:
        """The answer, the session and the room. Raises Foreign, but for WRONG_TOKEN: whoever has
        another secret cannot prove that.
        """
        _, code, session, room, proof = _unpack(_ANSWER, ANSWER, frame)
        if code not in tuple(Answer):
            raise Foreign
        if code != Answer.WRONG_TOKEN:
            self._check(proof, b"answer", code, session, room)
        return Answer(code), session, room

    def ask(self, round_: int) -> bytes:
        """Ask for the server's set of a round."""
        return _ASK.pack(ASK, round_, self._proof(b"ask", round_))

    def read_ask(self, frame: bytes) -> int:
        """The round that is asked for."""
        _, round_, proof = _unpack(_ASK, ASK, frame)
        self._check(proof, b"ask", round_)
        if not round_:
            raise Foreign
        return int(round_)

    def tally(self, round_: int, bits: bytes) -> bytes:
        """The server's set of a round."""
        proof = self._proof(b"tally", round_, len(bits), bits=bits)
        return _TALLY.pack(TALLY, round_, len(bits), proof) + bits

    def read_tally_size(self, frame: bytes) -> int:
        """The bytes of the set that follows a TALLY."""
        _, _, size, _ = _unpack(_TALLY, TALLY, frame)
        return int(size)

    def read_tally(self, frame: bytes, bits: bytes, *, round_: int) -> bytes:
        """The set of the round that was asked for. Raises Foreign for anything else."""
        _, told, size, proof = _unpack(_TALLY, TALLY, frame)
        self._check(proof, b"tally", told, size, bits=bits)
        if told != round_ or size != len(bits):
            raise Foreign
        return bits

    def greeting(self, session: int, place: int) -> bytes:
        """The first bytes of a connection that is to be proved."""
        return _GREETING.pack(GREETING, session, place, self._proof(b"greeting", session, place))

    def check_greeting(self, session: int, place: int, proof: bytes) -> None:
        """Raise Foreign unless a greeting is one of this session."""
        self._check(proof, b"greeting", session, place)

    def _proof(self, what: bytes, *numbers: int, bits: bytes = b"") -> bytes:
        body = struct.pack(f">{len(numbers)}Q", *numbers)
        return _mac(self.key, what, body, bits)[:_PROOF]

    def _check(self, proof: bytes, what: bytes, *numbers: int, bits: bytes = b"") -> None:
        if not hmac.compare_digest(proof, self._proof(what, *numbers, bits=bits)):
            raise Foreign


def opening(nonce: bytes) -> bytes:
    """The first bytes of a control connection."""
    return OPENING + nonce


def challenge(nonce: bytes) -> bytes:
    """The server's reply to an opening."""
    return CHALLENGE + nonce


def nonce_of(kind: bytes, frame: bytes) -> bytes:
    """The nonce of an OPENING or a CHALLENGE. Raises Foreign for anything else."""
    if len(frame) != SIZES[kind] or not frame.startswith(kind):
        raise Foreign
    return frame[HEAD:]


def read_greeting(frame: bytes) -> tuple[int, int, bytes]:
    """The session, the place and the proof of a greeting. Raises Foreign for anything else."""
    _, session, place, proof = _unpack(_GREETING, GREETING, frame)
    return session, place, proof


def missing(received: bytes, *kinds: bytes) -> int:
    """The bytes that are still wanted until one of these frames is whole, at least until its kind
    is known; 0 when it is. Raises Foreign as soon as it cannot be one of them.
    """
    head = received[:HEAD]
    if not any(kind.startswith(head) for kind in kinds):
        raise Foreign
    return max(0, (SIZES[head] if len(head) == HEAD else HEAD) - len(received))


def bits_of(marks: bytes, mark: int) -> bytes:
    """The set of the cells that have a mark, a bit each, the first in the highest."""
    size = -(-len(marks) // 8)
    digits = marks.translate(_only(mark)).ljust(8 * size, b"0")
    return int(digits or b"0", 2).to_bytes(size, "big")


def cells_of(bits: bytes, count: int) -> bytes:
    """For each of `count` cells a byte: 1 when it is in a set, else 0. Raises Foreign for a set of
    another size.
    """
    if len(bits) != -(-count // 8):
        raise Foreign
    digits = f"{int.from_bytes(bits, 'big'):0{8 * len(bits)}b}" if bits else ""
    return digits[:count].encode().translate(_DIGITS)


_DIGITS = bytes.maketrans(b"01", b"\x00\x01")


def _only(mark: int) -> bytes:
    return b"0" * mark + b"1" + b"0" * (255 - mark)


def _unpack(layout: struct.Struct, kind: bytes, frame: bytes) -> tuple[Any, ...]:
    if len(frame) != layout.size or not frame.startswith(kind):
        raise Foreign
    return layout.unpack(frame)


def _mac(key: bytes, *parts: bytes) -> bytes:
    # The lengths keep parts apart that would run into each other.
    message = b"".join(struct.pack(">I", len(part)) + part for part in parts)
    return hmac.digest(key, message, "sha256")
