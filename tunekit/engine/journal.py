"""The journal: what was claimed and what was there before, durable before the first write.

One `base` row a subject and epoch holds the value before the first claim; a value that somebody
else changed under remaining claims opens a new epoch. docs/reference/journal.md describes the
tables.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunekit.engine import codec, filing
from tunekit.engine.model import Claim, Subject
from tunekit.engine.transaction import Transaction, TransactionState
from tunekit.engine.unusable import unusable
from tunekit.errors import StateError, UnknownTransaction
from tunekit.profile.evaluate import value_of
from tunekit.profile.model import Requirement

if TYPE_CHECKING:
    import sqlite3

    from tunekit.engine.filing import Filed, FileWrite

KEEP_DAYS = 90
KEEP_ENDED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What a subject was before the claims of an epoch, and what tunekit last left there."""

    subject: Subject
    epoch: int
    base: str
    current: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A claim that a transaction still has."""

    transaction: int
    epoch: int
    subject: Subject
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A value that a transaction writes or moves; `wanted` is None for a moved partner."""

    subject: Subject
    before: str
    wanted: str | None
    after: str | None = None


class Journal:
    """An open journal. Methods that change it are atomic and durable when they return."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.connection = connection
        self.path = path

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    # -- reading --

    def transactions(self) -> list[Transaction]:
        """Every transaction, oldest first."""
        rows = self._all(
            "SELECT t.*, (SELECT count(*) FROM claims c WHERE c.transaction_id = t.id) AS keys,"
            f" {self._count_files()} AS files FROM transactions t ORDER BY id"
        )
        return [_transaction(row) for row in rows]

    def transaction(self, number: int) -> Transaction:
        """One transaction. Raises UnknownTransaction."""
        for transaction in self.transactions():
            if transaction.id == number:
                return transaction
        raise UnknownTransaction(
            f"no transaction {number} in the journal",
            path=str(self.path),
            hint="`tunekit history` lists them",
        )

    def held(self, subject: Subject | None = None, transaction: int | None = None) -> list[Held]:
        """The claims that remain, oldest first: of a subject, of a transaction, or all."""
        where, values = ["1"], []
        if subject is not None:
            where.append("kind = ? AND identity = ? AND name = ?")
            values += _columns(subject)
        if transaction is not None:
            where.append("transaction_id = ?")
            values.append(transaction)
        rows = self._all(
            f"SELECT * FROM claims WHERE {' AND '.join(where)} ORDER BY transaction_id, rowid",
            values,
        )
        return [
            Held(
                transaction=row["transaction_id"],
                epoch=row["epoch"],
                subject=codec.subject(row["kind"], row["identity"], row["name"]),
                requirements=codec.decode(row["requirements"]),
            )
            for row in rows
        ]

    def bases(self, subject: Subject) -> list[Base]:
        """The epochs of a subject, oldest first; empty when nothing claims it."""
        rows = self._all(
            "SELECT * FROM bases WHERE kind = ? AND identity = ? AND name = ? ORDER BY epoch",
            _columns(subject),
        )
        return [
            Base(
                subject=subject,
                epoch=row["epoch"],
                base=codec.value_text(subject.name, row["base"]),
                current=codec.value_text(subject.name, row["current"]),
            )
            for row in rows
        ]

    def undos(self, transaction: int) -> tuple[dict[Subject, str], bool]:
        """What a rollback that died was putting back, and whether it was forced to."""
        rows = self._all("SELECT * FROM undos WHERE transaction_id = ?", [transaction])
        targets = {
            codec.subject(row["kind"], row["identity"], row["name"]): codec.value_text(
                row["name"], row["target"]
            )
            for row in rows
        }
        return targets, any(row["forced"] for row in rows)

    def writes(self, transaction: int) -> list[Write]:
        """What a transaction wrote or would have, in order."""
        rows = self._all(
            "SELECT * FROM writes WHERE transaction_id = ? ORDER BY position", [transaction]
        )
        return [
            Write(
                subject=codec.subject(row["kind"], row["identity"], row["name"]),
                before=codec.value_text(row["name"], row["before"]),
                wanted=row["wanted"],
                after=row["after"],
            )
            for row in rows
        ]

    def files(self) -> list[Filed]:
        """The files that transactions still claim, oldest first."""
        if not self._has_files:
            return []
        return filing.filed(self._all("SELECT * FROM files ORDER BY transaction_id, rowid"))

    @property
    def _has_files(self) -> bool:
        # A journal that an earlier tunekit made, and that is only looked at, has none.
        return bool(self._all("SELECT 1 FROM sqlite_master WHERE name = 'files'"))

    def _count_files(self) -> str:
        if not self._has_files:
            return "0"
        return "(SELECT count(*) FROM files f WHERE f.transaction_id = t.id)"

    # -- writing --

    def begin(
        self,
        transaction: Transaction,
        claims: Sequence[tuple[Claim, str]],
        writes: Sequence[Write],
        files: Sequence[FileWrite] = (),
    ) -> Transaction:
        """Record an apply before its first write; durable when this returns.

        `claims` come with the value that each subject has now. A value that is not the one that
        tunekit left there opens a new epoch on the subject.
        """
        with self._atomic():
            number = self.connection.execute(
                "INSERT INTO transactions (state, profile, path, started, boot_id, kernel, uid,"
                " loginuid, command, version, variables, allowed, netns, cookie)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    TransactionState.BEGUN.value,
                    _storable(transaction.profile),
                    _storable(transaction.path),
                    transaction.started,
                    transaction.boot_id,
                    transaction.kernel,
                    transaction.uid,
                    transaction.loginuid,
                    _storable(transaction.command),
                    transaction.version,
                    json.dumps(dict(transaction.variables)),
                    json.dumps(sorted(transaction.allowed)),
                    _storable(transaction.netns),
                    transaction.cookie,
                ),
            ).lastrowid
            for claim, present in claims:
                self.connection.execute(
                    "INSERT INTO claims VALUES (?,?,?,?,?,?)",
                    (
                        number,
                        *_columns(claim.subject),
                        self._epoch(claim.subject, present),
                        codec.encode(claim.requirements),
                    ),
                )
            for position, write in enumerate(writes):
                self.connection.execute(
                    "INSERT INTO writes VALUES (?,?,?,?,?,?,?,NULL)",
                    (number, position, *_columns(write.subject), write.before, write.wanted),
                )
            assert number is not None
            filing.insert(self.connection, number, files)
        return replace(transaction, id=number, keys=len(claims), files=len(files))

    def _epoch(self, subject: Subject, present: str) -> int:

        bases = self.bases(subject)
        if bases and value_of(subject.name, bases[-1].current) == value_of(subject.name, present):
            return bases[-1].epoch
        epoch = bases[-1].epoch + 1 if bases else 1
        self.connection.execute(
            "INSERT INTO bases VALUES (?,?,?,?,?,?)", (*_columns(subject), epoch, present, present)
        )
        return epoch

    def commit(
        self,
        number: int,
        after: Iterable[tuple[Subject, str]],
        *,
        released: Iterable[Subject] = (),
    ) -> None:
        """Record that an apply is done, with the value that each subject ended with.

        `released` are the subjects that it passed over: they lose their claim.
        """
        with self._atomic():
            self._release(number, released)
            for subject, text in after:
                self.connection.execute(
                    "UPDATE writes SET after = ?"
                    " WHERE transaction_id = ? AND kind = ? AND identity = ? AND name = ?",
                    (text, number, *_columns(subject)),
                )
                self._settle(subject, text)
            self._end(number, TransactionState.APPLIED)
            self._sweep()

    def intend(self, number: int, targets: Mapping[Subject, str], *, forced: bool) -> None:
        """Record what a rollback is about to put back; durable before its first write."""
        with self._atomic():
            self.connection.execute("DELETE FROM undos WHERE transaction_id = ?", (number,))
            for subject, text in targets.items():
                self.connection.execute(
                    "INSERT INTO undos VALUES (?,?,?,?,?,?)",
                    (number, *_columns(subject), text, forced),
                )
            self.connection.execute(
                "UPDATE transactions SET state = ? WHERE id = ?",
                (TransactionState.UNDOING.value, number),
            )

    def end_other_boots(self, boot_id: str) -> None:
        """End what a reboot has ended: every value in /proc/sys is gone with its boot.

        Files are still there, and so is a transaction that claims one.
        """
        standing = (
            TransactionState.BEGUN,
            TransactionState.APPLIED,
            TransactionState.UNDOING,
            TransactionState.INCOMPLETE,
        )
        marks = ",".join("?" * len(standing))
        with self._atomic():
            self.connection.execute(
                "DELETE FROM claims WHERE transaction_id IN"
                " (SELECT id FROM transactions WHERE boot_id != ?)",
                (boot_id,),
            )
            for table in ("writes", "undos"):
                # One with files may be unfinished, and its values must not be put back any more.
                self.connection.execute(
                    f"DELETE FROM {table} WHERE transaction_id IN (SELECT id FROM transactions"
                    " WHERE boot_id != ? AND id IN (SELECT transaction_id FROM files))",
                    (boot_id,),
                )
            self.connection.execute(
                f"UPDATE transactions SET state = ?, finished = coalesce(finished, ?)"
                f" WHERE boot_id != ? AND state IN ({marks})"
                " AND id NOT IN (SELECT transaction_id FROM files)",
                (
                    TransactionState.ENDED.value,
                    time.time(),
                    boot_id,
                    *(state.value for state in standing),
                ),
            )
            self._sweep()

    def _settle(self, subject: Subject, text: str) -> None:
        """Remember the value that tunekit left on a subject, in its newest epoch."""
        self.connection.execute(
            "UPDATE bases SET current = ? WHERE kind = ? AND identity = ? AND name = ? AND epoch ="
            " (SELECT max(epoch) FROM bases WHERE kind = ? AND identity = ? AND name = ?)",
            (text, *_columns(subject), *_columns(subject)),
        )

    def end(
        self,
        number: int,
        state: TransactionState,
        *,
        released: Iterable[Subject],
        left: Iterable[tuple[Subject, str]] = (),
        rebased: Iterable[tuple[Subject, int]] = (),
    ) -> None:
        """Record the end of a rollback or of an undo.

        `released` lose this transaction's claim; `left` are the values that subjects were left
        with; `rebased` are subjects whose epochs after the given one are folded into it.
        """
        with self._atomic():
            for subject, epoch in rebased:
                self._merge(subject, epoch)
            self._release(number, released)
            for subject, text in left:
                self._settle(subject, text)
            self.connection.execute("DELETE FROM undos WHERE transaction_id = ?", (number,))
            self._end(number, state)
            self._sweep()

    def _release(self, number: int, subjects: Iterable[Subject]) -> None:
        subjects = tuple(subjects)
        filing.release(self.connection, number, subjects)
        for subject in subjects:
            self.connection.execute(
                "DELETE FROM claims WHERE transaction_id = ? AND kind = ? AND identity = ?"
                " AND name = ?",
                (number, *_columns(subject)),
            )

    def _merge(self, subject: Subject, epoch: int) -> None:
        columns = _columns(subject)
        self.connection.execute(
            "UPDATE claims SET epoch = ? WHERE kind = ? AND identity = ? AND name = ?"
            " AND epoch > ?",
            (epoch, *columns, epoch),
        )
        self.connection.execute(
            "DELETE FROM bases WHERE kind = ? AND identity = ? AND name = ? AND epoch > ?",
            (*columns, epoch),
        )

    def _end(self, number: int, state: TransactionState) -> None:
        self.connection.execute(
            "UPDATE transactions SET state = ?, finished = ? WHERE id = ?",
            (state.value, time.time(), number),
        )

    def _sweep(self) -> None:
        """Drop bases that no claim rests on, and transactions that ended long ago."""
        self.connection.execute(
            "DELETE FROM bases WHERE NOT EXISTS (SELECT 1 FROM claims c WHERE c.kind = bases.kind"
            " AND c.identity = bases.identity AND c.name = bases.name AND c.epoch = bases.epoch)"
        )
        ended = (
            TransactionState.UNDONE.value,
            TransactionState.ROLLED_BACK.value,
            TransactionState.ENDED.value,
        )
        self.connection.execute(
            "DELETE FROM transactions WHERE state IN (?, ?, ?) AND (finished < ? OR id <="
            " (SELECT max(id) FROM transactions) - ?)",
            (*ended, time.time() - KEEP_DAYS * 86400, KEEP_ENDED),
        )

    @contextmanager
    def _atomic(self) -> Iterator[None]:
        import sqlite3

        try:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                # After a full disk SQLite has ended the transaction itself.
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
        except (sqlite3.Error, UnicodeEncodeError) as error:
            raise unusable(self.path, error) from error

    def _all(self, query: str, values: Iterable[Any] = ()) -> list[sqlite3.Row]:
        import sqlite3

        try:
            return self.connection.execute(query, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise unusable(self.path, error) from error


def _columns(subject: Subject) -> list[Any]:
    return [subject.scope.kind, subject.scope.identity, subject.name]


def _transaction(row: sqlite3.Row) -> Transaction:
    try:
        state = TransactionState(row["state"])
    except ValueError as error:
        raise StateError(
            f"the journal is damaged: transaction {row['id']} has the state {row['state']!r}",
            hint="move the journal away",
        ) from error
    return Transaction(
        id=row["id"],
        state=state,
        profile=row["profile"],
        path=row["path"],
        started=row["started"],
        finished=row["finished"],
        boot_id=row["boot_id"],
        kernel=row["kernel"],
        uid=row["uid"],
        loginuid=row["loginuid"],
        command=row["command"],
        version=row["version"],
        variables=codec.texts(row["variables"]),
        allowed=frozenset(codec.texts(row["allowed"])),
        netns=row["netns"],
        cookie=row["cookie"],
        keys=row["keys"],
        files=row["files"],
    )


def _storable(text: str) -> str:
    """A text with the bytes that are no UTF-8, as in a file's name, shown as escapes."""
    return text.encode(errors="backslashreplace").decode()
