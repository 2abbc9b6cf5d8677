"""Which client has which part of what the server can take. Pure bookkeeping."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tunekit.probe.remote.wire import Answer, Share

MOST_SESSIONS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One client's connections: the cells from `start` on are theirs."""

    number: int
    start: int
    share: Share
    key: bytes

    @property
    def end(self) -> int:
        """The cell after the last."""
        return self.start + self.share.connections


class Registry:
    """The sessions that there are, in a row of `size` cells. Numbers are not used again."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._sessions: dict[int, Session] = {}
        self._number = 0

    @property
    def reserved(self) -> int:
        """The cells that are taken."""
        return sum(session.share.connections for session in self._sessions.values())

    @property
    def room(self) -> int:
        """The most connections that a new session may have."""
        return max((length for _, length in self._gaps()), default=0)

    def __contains__(self, number: int) -> bool:
        return number in self._sessions

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._sessions.values()))

    def open(self, share: Share, key: bytes) -> Session | Answer:
        """Give a new session the first gap that it fits into, or say why there is none."""
        if len(self._sessions) == MOST_SESSIONS:
            return Answer.BUSY
        for start, length in self._gaps():
            if length >= share.connections:
                self._number += 1
                session = Session(number=self._number, start=start, share=share, key=key)
                self._sessions[session.number] = session
                return session
        return Answer.FULL

    def end(self, number: int) -> Session:
        """Give a session's cells free."""
        return self._sessions.pop(number)

    def _gaps(self) -> list[tuple[int, int]]:
        gaps, place = [], 0
        for session in sorted(self._sessions.values(), key=lambda one: one.start):
            gaps.append((place, session.start - place))
            place = session.end
        return [*gaps, (place, self.size - place)]
