"""Where a transaction was made, seen from here: its namespace may be another one, or gone."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from tunekit.errors import NamespaceError

if TYPE_CHECKING:
    from tunekit.engine.transaction import Transaction
    from tunekit.kernel.host import HostIdentity


class Whereabouts(Enum):
    """Where a transaction's network namespace is."""

    HERE = "here"
    THERE = "there"
    """Elsewhere, and it can be entered."""
    GONE = "gone"
    """No longer there, or another one under its name."""
    UNKNOWN = "unknown"
    """Elsewhere, and nobody said under which name, or it may not be entered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whereabouts, and the namespace to enter for them: None to stay."""

    whereabouts: Whereabouts
    netns: str | None = None

    @property
    def is_gone(self) -> bool:
        """Tell whether the namespace took its values with it."""
        return self.whereabouts is Whereabouts.GONE


def place_of(transaction: Transaction, host: HostIdentity) -> Place:
    """Find the network namespace of a transaction.

    One of another boot is here as much as anywhere: nothing of it is left.
    """
    if transaction.boot_id != host.boot_id or transaction.cookie == host.netns_cookie:
        return Place(whereabouts=Whereabouts.HERE)
    if not transaction.netns:
        return Place(whereabouts=Whereabouts.UNKNOWN)
    from tunekit.kernel.namespaces import call_in, cookie

    try:
        there = call_in(transaction.netns, cookie)
    except NamespaceError as error:
        # A namespace that was named by one of its processes may outlive that one.
        by_name = not transaction.netns.isdigit()
        gone = by_name and error.errno in (errno.ENOENT, errno.EINVAL)
        return Place(whereabouts=Whereabouts.GONE if gone else Whereabouts.UNKNOWN)
    if there != transaction.cookie:
        return Place(whereabouts=Whereabouts.GONE)
    return Place(whereabouts=Whereabouts.THERE, netns=transaction.netns)
