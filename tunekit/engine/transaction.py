"""One apply in the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class TransactionState(Enum):
    """Where a transaction stands."""

    BEGUN = "begun"
    """Unfinished: its run died, or goes on."""
    APPLIED = "applied"
    UNDOING = "undoing"
    """Unfinished: its rollback died, or goes on."""
    UNDONE = "undone"
    """Failed or interrupted, and undone at once."""
    ROLLED_BACK = "rolled back"
    INCOMPLETE = "incomplete"
    """Rolled back, but for the keys that were refused."""
    ENDED = "ended"
    """It stood until a reboot took every value with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One apply in the journal.

    Times are Unix seconds; `loginuid` is None when unset. `path` is absolute, and `variables` are
    the texts that were given for the profile's own. `allowed` are the keys that can hurt which
    both the profile and the caller allowed. `netns` is the namespace as the caller named it,
    empty for the caller's own; `cookie` the namespace's number. `keys` and `files` count what it
    still claims; files are there after a reboot, too.
    """

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
    variables: Mapping[str, str] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()
    netns: str = ""
    cookie: int = 0
    keys: int = 0
    files: int = 0

    @property
    def is_unfinished(self) -> bool:
        """Tell whether its run died, or still goes on."""
        return self.state in (TransactionState.BEGUN, TransactionState.UNDOING)

    @property
    def stands(self) -> bool:
        """Tell whether it was done and not undone; a boot since then has ended it all the same."""
        return self.state is TransactionState.APPLIED
