"""One apply in the journal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class TransactionState(Enum):
    """Where a transaction stands. `begun` is unfinished: its run died."""

    BEGUN = "begun"
    APPLIED = "applied"
    UNDONE = "undone"
    """Failed or interrupted, and undone at once."""
    ROLLED_BACK = "rolled back"
    INCOMPLETE = "incomplete"
    """Rolled back, but for the keys that were refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One apply in the journal. Times are Unix seconds; `loginuid` is None when unset."""

    id: int
    state: TransactionState
    profile: str
    path: str
    started: float
    finished: float | None = None
    boot_id: str
    kernel: str
    uid: int
    loginuid: int | None = None
    command: str = ""
    version: str = ""
    netns: str = ""
    """The namespace as the caller named it, empty for the caller's own."""
    cookie: int = 0
    keys: int = 0

    @property
    def is_unfinished(self) -> bool:
        """Tell whether its run died, or still goes on."""
        return self.state is TransactionState.BEGUN

    @property
    def stands(self) -> bool:
        """Tell whether it was done and not undone; a boot since then has ended it all the same."""
        return self.state is TransactionState.APPLIED
