"""The server's side of a control connection, as a function of the bytes that come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from tunekit.probe.remote import wire
from tunekit.probe.remote.wire import Answer, Foreign, Keys, Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Send these bytes; nothing more is said after them when `last`."""

    data: bytes
    last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Find room for a session, then call `Dialogue.answer`."""

    share: Share
    keys: Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Send the set of a round, with `Dialogue.tally`."""

    round_: int


Step = Say | Open | Count


class State(Enum):
    """What comes next."""

    OPENING = "opening"
    REQUEST = "request"
    WAITING = "waiting"
    SESSION = "session"


_EXPECTED = {
    State.OPENING: wire.OPENING,
    State.REQUEST: wire.REQUEST,
    State.SESSION: wire.ASK,
}


class Dialogue:
    """One control connection. `nonce` is the server's, made for this connection alone."""

    def __init__(self, secret: bytes, nonce: bytes) -> None:
        self.state = State.OPENING
        self._secret = secret
        self._nonce = nonce
        self._received = b""
        self._keys = Keys(key=b"")

    def feed(self, data: bytes) -> Iterator[Step]:
        """Take what has come; yield what is to be done. Raises wire.Foreign for anything that is
        not this protocol, at its first byte.
        """
        self._received += data
        while self._received:
            kind = _EXPECTED.get(self.state)
            if kind is None:
                raise Foreign
            if wire.missing(self._received, kind):
                return
            size = wire.SIZES[kind]
            frame, self._received = self._received[:size], self._received[size:]
            yield self._step(frame)

    def answer(self, answer: Answer, *, session: int = 0, room: int = 0) -> bytes:
        """The bytes that answer an Open."""
        self.state = State.SESSION
        return self._keys.answer(answer, session, room)

    def tally(self, round_: int, bits: bytes) -> bytes:
        """The bytes that answer a Count."""
        return self._keys.tally(round_, bits)

    def _step(self, frame: bytes) -> Step:
        if self.state is State.OPENING:
            self._keys = Keys.agree(self._secret, wire.nonce_of(wire.OPENING, frame), self._nonce)
            self.state = State.REQUEST
            return Say(data=wire.challenge(self._nonce))
        if self.state is State.REQUEST:
            self.state = State.WAITING
            try:
                share = self._keys.read_request(frame)
            except Foreign:
                return Say(data=self._keys.answer(Answer.WRONG_TOKEN), last=True)
            return Open(share=share, keys=self._keys)
        return Count(round_=self._keys.read_ask(frame))
