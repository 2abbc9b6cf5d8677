"""Rollback: undo a transaction, wherever it was made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tunekit.api import ground as grounds
from tunekit.api.beginning import end_other_boots
from tunekit.api.ground import Ground
from tunekit.api.outcome import admit_signal, amount, settings
from tunekit.api.places import Place, Whereabouts, place_of
from tunekit.api.recovering import recover_unfinished, set_by_boot
from tunekit.api.session import here, within
from tunekit.engine.journal import Journal
from tunekit.engine.model import Outcome
from tunekit.engine.rollback import RolledBack, Site, is_forgotten, roll_back
from tunekit.engine.store import peek
from tunekit.engine.transaction import Transaction, TransactionState
from tunekit.errors import ExitCode, UnknownTransaction
from tunekit.kernel.host import HostIdentity
from tunekit.report.model import Report

_ENDED = (TransactionState.ROLLED_BACK, TransactionState.UNDONE, TransactionState.ENDED)


def rollback(
    transaction: int | None = None,
    *,
    force: bool = False,
    netns: str | None = None,
    state_dir: Path | None = None,
    ground: Ground | None = None,
) -> Report:
    """Undo a transaction: the given one, else the unfinished one, else the last; with `netns`,
    of those that were made in that network namespace.

    A key that somebody else changed since is left alone and named, unless `force`; the exit code
    is 5 then. Without `netns` it goes to the network namespace where the transaction was made;
    when that is gone, so are its values, and its claims are released. A signal is answered when
    the rollback is done.

    Raises UnknownTransaction when there is none to undo, or when it was not made in `netns`.
    """
    on = grounds.chosen(state_dir, ground)
    there = None if netns is None else within(netns, here).netns_cookie
    with peek(on.state_dir) as journal:
        chosen = _choose(journal, transaction, on.state_dir, there)
    place = Place(whereabouts=Whereabouts.HERE)
    if netns is None:
        place = place_of(chosen, here())

    def operation() -> Report:
        with on.entered() as (journal, guard):
            host = here()
            if any(each.files for each in journal.transactions()):
                # Of one that an earlier boot made only its files are left to undo.
                end_other_boots(journal)
            # Another one that died has left values behind that are nobody's change.
            notes = tuple(recover_unfinished(journal, on, but=chosen.id))
            site = Site(
                machine=on.machine,
                journal=journal,
                host=host,
                force=force,
                namespace_gone=place.is_gone,
            )
            undone = roll_back(journal.transaction(chosen.id), site)
            notes = (*notes, *set_by_boot(undone, host))
            report = replace(_report(undone, host), notes=notes)
            return admit_signal(
                report, guard, "a signal came meanwhile, and the rollback was finished first"
            )

    return within(netns or place.netns, operation)


def _choose(
    journal: Journal | None, number: int | None, folder: Path, cookie: int | None
) -> Transaction:
    boot = here().boot_id
    if journal is not None and number is not None:
        chosen = journal.transaction(number)
        if chosen.state in _ENDED:
            raise UnknownTransaction(
                f"transaction {number} has been undone already",
                hint="`tunekit history` shows which are in force",
            )
        if cookie is not None and chosen.boot_id == boot and chosen.cookie != cookie:
            raise UnknownTransaction(
                f"transaction {number} was made in another network namespace",
                hint=f"`tunekit rollback {number}` finds the one that it was made in",
            )
        return chosen
    everything = journal.transactions() if journal is not None else []
    last = _last(
        [
            each
            for each in everything
            if each.files or (each.boot_id == boot and cookie in (None, each.cookie))
        ]
    )
    if last is None:
        what = "no transaction to undo"
        if number is not None:
            what = f"no transaction {number} in the journal"
        elif cookie is not None:
            what = "no transaction of that network namespace to undo"
        raise UnknownTransaction(
            what,
            path=str(folder),
            hint="`tunekit history` lists them; a transaction ends with the boot that it was made "
            "in",
        )
    return last


def _last(transactions: Sequence[Transaction]) -> Transaction | None:
    """The unfinished transaction, else the last that still stands in whole or in part."""
    unfinished = [each for each in transactions if each.is_unfinished]
    standing = [each for each in transactions if each.state not in _ENDED]
    candidates = unfinished or standing
    return candidates[-1] if candidates else None


def _report(undone: RolledBack, host: HostIdentity) -> Report:
    number = undone.transaction.id
    put_back = [change for change in undone.changes if change.outcome is Outcome.ROLLED_BACK]
    report = Report(
        command="rollback",
        changed=bool(put_back),
        host=host,
        transaction=undone.transaction,
        changes=undone.changes,
    )
    if not undone.incomplete:
        done = amount(put_back, Outcome.ROLLED_BACK) or settings(0)
        verdict = f"transaction {number} is undone: {done} put back"
        forgotten = Counter(change.detail for change in undone.changes if is_forgotten(change))
        for why, count in forgotten.items():
            verdict += f", {count} forgotten: {why}"
        return replace(report, verdict=verdict)
    kept = [c for c in undone.changes if c.outcome in (Outcome.REFUSED, Outcome.REJECTED)]
    if undone.elsewhere:
        next_step = f"go to its network namespace: tunekit rollback {number} --netns NAME|PID"
    elif any(change.outcome is Outcome.REFUSED for change in kept):
        next_step = f"to override what others changed: tunekit rollback {number} --force"
    else:
        next_step = f"mend what stops it, and try again: tunekit rollback {number}"
    return replace(
        report,
        exit_code=ExitCode.INCOMPLETE,
        verdict=f"transaction {number} is undone but for {', '.join(c.key for c in kept)}",
        next_step=next_step,
    )
