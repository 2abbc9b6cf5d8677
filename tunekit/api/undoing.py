"""Rollback: undo a transaction, wherever it was made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tunekit.api import ground as grounds
from tunekit.api.ground import Ground
from tunekit.api.outcome import settings
from tunekit.api.session import Observer, here, within
from tunekit.engine.journal import Journal
from tunekit.engine.model import Outcome
from tunekit.engine.rollback import RolledBack, roll_back
from tunekit.engine.store import peek
from tunekit.engine.transaction import Transaction, TransactionState
from tunekit.errors import ExitCode, UnknownTransaction
from tunekit.kernel.host import HostIdentity
from tunekit.report.model import Report


def rollback(
    transaction: int | None = None,
    *,
    force: bool = False,
    netns: str | None = None,
    state_dir: Path | None = None,
    command: str = "",
    observer: Observer | None = None,
    ground: Ground | None = None,
) -> Report:
    """Undo a transaction: the given one, else the unfinished one, else the last.

    A key that somebody else changed since is left alone and named, unless `force`; the exit code
    is 5 then. Without `netns` it goes to the network namespace where the transaction was made.

    Raises UnknownTransaction when there is none to undo.
    """
    folder = grounds.chosen(state_dir, ground).state_dir
    with peek(folder) as journal:
        chosen = _choose(journal, transaction, folder)

    def operation() -> Report:
        on = grounds.chosen(state_dir, ground)
        with on.entered() as (journal, _guard):
            target = journal.transaction(chosen.id)
            host = here()
            undone = roll_back(target, machine=on.machine, journal=journal, host=host, force=force)
            return _rollback_report(undone, host)

    return within(netns or _namespace_of(chosen), operation)


def _choose(journal: Journal | None, number: int | None, folder: Path) -> Transaction:
    if journal is not None and number is not None:
        chosen = journal.transaction(number)
        if chosen.state in (TransactionState.ROLLED_BACK, TransactionState.UNDONE):
            raise UnknownTransaction(
                f"transaction {number} has been undone already",
                hint="`tunekit history` shows which are in force",
            )
        return chosen
    boot = here().boot_id
    everything = journal.transactions() if journal is not None else []
    for states in (
        (TransactionState.BEGUN,),
        (TransactionState.APPLIED, TransactionState.INCOMPLETE),
    ):
        standing = [
            transaction
            for transaction in everything
            if transaction.state in states and transaction.boot_id == boot
        ]
        if standing:
            return standing[-1]
    raise UnknownTransaction(
        "no transaction to undo" if number is None else f"no transaction {number} in the journal",
        path=str(folder),
        hint="`tunekit history` lists them; a transaction ends with the boot that it was made in",
    )


def _namespace_of(transaction: Transaction) -> str | None:
    """The namespace to enter for a transaction: the one it was given, unless this is it."""
    host = here()
    if transaction.boot_id != host.boot_id or transaction.cookie == host.netns_cookie:
        return None
    return transaction.netns or None


def _rollback_report(undone: RolledBack, host: HostIdentity) -> Report:
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
        return replace(
            report,
            verdict=f"transaction {number} is undone: {settings(len(put_back))} put back",
        )
    kept = [c for c in undone.changes if c.outcome in (Outcome.REFUSED, Outcome.REJECTED)]
    return replace(
        report,
        exit_code=ExitCode.INCOMPLETE,
        verdict=f"transaction {number} is undone but for {', '.join(c.key for c in kept)}",
        next_step=f"to override what others changed: tunekit rollback {number} --force",
    )
