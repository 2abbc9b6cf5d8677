"""Undoing what a run that died has left, before anything new begins."""

from __future__ import annotations

from collections.abc import Iterator

from tunekit.api.ground import Ground
from tunekit.api.places import Whereabouts, place_of
from tunekit.api.session import here, within
from tunekit.engine.journal import Journal
from tunekit.engine.model import Outcome, ScopeId, ScopeKind
from tunekit.engine.rollback import RolledBack, Site, roll_back
from tunekit.engine.store import opened
from tunekit.engine.transaction import Transaction
from tunekit.errors import RecoveryFailed
from tunekit.kernel.host import HostIdentity


def recover_unfinished(journal: Journal, on: Ground, *, but: int | None = None) -> Iterator[str]:
    """Undo each unfinished transaction where it was made, and say so; `but` is left alone.

    One in a network namespace that cannot be reached from here is only named: what it changed is
    that namespace's own. Raises RecoveryFailed, with what is left, when a value could not be put
    back.
    """
    host = here()
    for transaction in journal.transactions():
        if not transaction.is_unfinished or transaction.id == but:
            continue
        place = place_of(transaction, host)
        if place.whereabouts is Whereabouts.UNKNOWN:
            yield (
                f"transaction {transaction.id} is unfinished in another network namespace; undo it "
                f"with `tunekit rollback {transaction.id} --netns NAME`"
            )
            continue
        if place.netns is None:
            site = Site(
                machine=on.machine, journal=journal, host=host, namespace_gone=place.is_gone
            )
            undone = roll_back(transaction, site)
        else:
            undone = within(place.netns, lambda: _there(transaction, on))  # noqa: B023
        _refuse_incomplete(undone)
        yield f"undid the unfinished transaction {transaction.id} ({transaction.profile})"
        yield from set_by_boot(undone, host)


def set_by_boot(undone: RolledBack, host: HostIdentity) -> Iterator[str]:
    """What a rollback has not put back: what this boot has set from the files that it took away.

    What was there before is known of another boot only.
    """
    if undone.transaction.boot_id == host.boot_id:
        return
    files = ScopeId(ScopeKind.FILE.value, "/")
    for change in undone.changes:
        scope, path = change.subject.scope, change.subject.name
        is_back = change.outcome is Outcome.ROLLED_BACK
        if is_back and scope == files and path.startswith("/etc/sysctl.d/"):
            yield f"what boot has set from {path} stays until the next boot"


def _there(transaction: Transaction, on: Ground) -> RolledBack:
    # In a child: SQLite's connections must not be carried over a fork.
    with opened(on.state_dir) as journal:
        return roll_back(transaction, Site(machine=on.machine, journal=journal, host=here()))


def _refuse_incomplete(undone: RolledBack) -> None:
    if not undone.incomplete:
        return
    left = [c for c in undone.changes if c.outcome in (Outcome.REJECTED, Outcome.REFUSED)]
    names = ", ".join(f"{change.key} ({change.detail})" for change in left)
    raise RecoveryFailed(
        f"the unfinished transaction {undone.transaction.id} could not be undone: {names}",
        hint=f"set them by hand, or try `tunekit rollback {undone.transaction.id} --force`",
    )
