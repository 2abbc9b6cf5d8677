"""What the workers have done, in memory that they share with the process that leads them."""

from __future__ import annotations

import mmap
from enum import IntEnum


class Item(IntEnum):
    """A count of 64 bits that one worker writes."""

    OPEN = 0
    """Connections of sessions that are open now."""
    ACCEPTED = 1
    """Everything that was accepted."""
    GREETED = 2
    """Connections that were of a session."""
    ECHOED = 3
    """Tokens that were right and sent back."""
    GARBAGE = 4
    """Connections dropped for what they said."""
    STALLED = 5
    """Connections dropped because they did not say in time whose they are."""
    WRONG_TOKEN = 6
    """Control connections that did not prove the secret."""
    LEFT = 7
    """Connections that left without a word."""
    REFUSED = 8
    """Times that accept or epoll_ctl failed for want of something."""
    ERRNO = 9
    """Why, the last time."""


STRANGERS = {
    Item.GARBAGE: "garbage",
    Item.STALLED: "stalled",
    Item.WRONG_TOKEN: "wrong token",
    Item.LEFT: "left",
}
"""Connections that were none of a session, by why they ended."""


def new() -> memoryview:
    """The account of one worker, made before it is forked."""
    return memoryview(mmap.mmap(-1, 8 * len(Item))).cast("Q")


class Arena:
    """Two bytes for each connection that may be open: `marks` holds the last round in which its
    token came, `claims` whether it is open. Memory is taken when a page is first written.
    """

    __slots__ = ("claims", "marks")

    def __init__(self, size: int) -> None:
        self.marks = memoryview(mmap.mmap(-1, max(1, size)))
        self.claims = memoryview(mmap.mmap(-1, max(1, size)))

    def wipe(self, start: int, end: int) -> None:
        """Forget a session's connections."""
        self.marks[start:end] = self.claims[start:end] = bytes(end - start)
