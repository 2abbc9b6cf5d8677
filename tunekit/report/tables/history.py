"""The journal, in the order of the report: oldest first."""

from __future__ import annotations

import time

from tunekit.engine.transaction import Transaction, TransactionState
from tunekit.report.escape import cell, visible
from tunekit.report.layout import Page, Row, table
from tunekit.report.model import Report
from tunekit.report.style import Tone

_TITLES = ("id", "started (UTC)", "state", "profile", "keys", "by")
_TONES = {
    TransactionState.BEGUN: Tone.BAD,
    TransactionState.APPLIED: Tone.GOOD,
    TransactionState.UNDONE: Tone.WARN,
    TransactionState.ROLLED_BACK: Tone.DIM,
    TransactionState.UNDOING: Tone.BAD,
    TransactionState.INCOMPLETE: Tone.BAD,
    TransactionState.ENDED: Tone.DIM,
}
_WORDS = {
    TransactionState.BEGUN: "unfinished",
    TransactionState.UNDOING: "unfinished",
    TransactionState.ENDED: "ended by boot",
}


def section(report: Report, page: Page) -> list[str]:
    """Draw the transactions of a report."""
    rows = [
        Row(
            cells=(
                str(transaction.id),
                time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(transaction.started)),
                _WORDS.get(transaction.state, transaction.state.value),
                cell(transaction.profile),
                str(transaction.keys),
                _who(transaction),
            ),
            tones=(Tone.PLAIN, Tone.PLAIN, _TONES[transaction.state]),
            note=_command(transaction),
        )
        for transaction in report.transactions
    ]
    return table(_TITLES, rows, page, note="command", names=False)


def _who(transaction: Transaction) -> str:
    """The user id, and the login that it came from when that was another."""
    if transaction.loginuid in (None, transaction.uid):
        return f"uid {transaction.uid}"
    return f"uid {transaction.uid} (login {transaction.loginuid})"


def _command(transaction: Transaction) -> str:
    command = visible(transaction.command)
    if not transaction.netns:
        return command
    return f"{command} [network namespace {cell(transaction.netns)}]"
