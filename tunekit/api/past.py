"""What the journal tells to somebody who looks: transactions, the last one, unfinished ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tunekit.api.session import here
from tunekit.check.model import Finding, Status
from tunekit.engine.store import STATE_DIR, peek
from tunekit.errors import StateError
from tunekit.report.model import Report

if TYPE_CHECKING:
    from tunekit.engine.transaction import Transaction


def history(*, state_dir: Path | None = None) -> Report:
    """List the transactions of the journal, oldest first. Writes nothing.

    A user who may not read the journal gets an `unknown` finding.
    """
    folder = state_dir or STATE_DIR
    host = here()
    try:
        with peek(folder) as journal:
            transactions = tuple(journal.transactions()) if journal else ()
    except StateError as error:
        if error.errno is None:
            raise
        finding = Finding(
            check="journal",
            status=Status.UNKNOWN,
            subject=error.path,
            observed=error.message,
            remedy="run as root",
        )
        return Report(command="history", host=host, findings=(finding,))
    from tunekit.engine.transaction import TransactionState

    # What a reboot has ended is recorded by the next apply; to look, it has ended already.
    transactions = tuple(
        replace(each, state=TransactionState.ENDED)
        if each.boot_id != host.boot_id and (each.stands or each.is_unfinished) and not each.files
        else each
        for each in transactions
    )
    return Report(
        command="history",
        host=host,
        transactions=transactions,
        verdict=_history_sentence(transactions),
    )


def _history_sentence(transactions: Sequence[Transaction]) -> str:
    if not transactions:
        return "no transaction yet"
    standing = [str(transaction.id) for transaction in transactions if transaction.stands]
    begun = [str(t.id) for t in transactions if t.is_unfinished]
    parts = [f"in force: {', '.join(standing)}" if standing else "none in force"]
    if begun:
        parts.append(f"unfinished: {', '.join(begun)} (undo with `tunekit rollback`)")
    return "; ".join(parts)


def last_applied(state_dir: Path) -> Transaction | None:
    """The transaction of this boot that was applied last and not undone. Raises StateError."""
    boot_id = here().boot_id
    with peek(state_dir) as journal:
        everything = journal.transactions() if journal else []
    standing = [each for each in everything if each.stands and each.boot_id == boot_id]
    return standing[-1] if standing else None


def unfinished(state_dir: Path) -> Iterator[str]:
    """Say which transactions were begun and not ended, and how to undo them."""
    try:
        with peek(state_dir) as journal:
            for transaction in journal.transactions() if journal else ():
                if transaction.is_unfinished:
                    yield (
                        f"transaction {transaction.id} is unfinished: undo it with "
                        f"`tunekit rollback {transaction.id}`"
                    )
    except StateError:
        # Somebody who may not read the journal is told so where it decides an answer.
        return
