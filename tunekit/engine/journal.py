"""The journal: what was claimed and what was there before, durable before the first write.

SQLite gives atomic, durable commits; synchronous=EXTRA also syncs the folder after the rollback
file is deleted, without which a power cut could bring it back. One `base` row a subject and epoch
holds the value before the first claim; a value that somebody else changed under remaining claims
opens a new epoch. docs/reference/journal.md describes the tables.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunekit.engine import codec
from tunekit.engine.model import Claim, Subject, Transaction, TransactionState
from tunekit.errors import StateError, UnknownTransaction
from tunekit.profile.evaluate import value_of
from tunekit.profile.model import Requirement

if TYPE_CHECKING:
    import sqlite3

STATE_DIR = Path("/var/lib/tunekit")
FILE_NAME = "journal.sqlite"
VERSION = 1
KEEP_DAYS = 90
KEEP_ENDED = 1000

_SCHEMA = """
CREATE TABLE transactions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL, profile TEXT NOT NULL, path TEXT NOT NULL,
    started REAL NOT NULL, finished REAL, boot_id TEXT NOT NULL, kernel TEXT NOT NULL,
    uid INTEGER NOT NULL, loginuid INTEGER, command TEXT NOT NULL, version TEXT NOT NULL,
    netns TEXT NOT NULL, cookie INTEGER NOT NULL);
CREATE TABLE claims (
    transaction_id INTEGER NOT NULL REFERENCES transactions(id) ON DELETE CASCADE,
    kind TEXT NOT NULL, identity TEXT NOT NULL, name TEXT NOT NULL, epoch INTEGER NOT NULL,
    requirements TEXT NOT NULL,
    PRIMARY KEY (transaction_id, kind, identity, name));
CREATE TABLE writes (
    transaction_id INTEGER NOT NULL REFERENCES transactions(id) ON DELETE CASCADE,
    position INTEGER NOT NULL, kind TEXT NOT NULL, identity TEXT NOT NULL, name TEXT NOT NULL,
    before TEXT NOT NULL, wanted TEXT, after TEXT,
    PRIMARY KEY (transaction_id, position));
CREATE TABLE bases (
    kind TEXT NOT NULL, identity TEXT NOT NULL, name TEXT NOT NULL, epoch INTEGER NOT NULL,
    base TEXT NOT NULL, current TEXT NOT NULL,
    PRIMARY KEY (kind, identity, name, epoch));
"""


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
        self._db = connection
        self.path = path

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # -- reading --

    def transactions(self) -> list[Transaction]:
        """Every transaction, oldest first."""
        rows = self._all(
            "SELECT t.*, (SELECT count(*) FROM claims c WHERE c.transaction_id = t.id) AS keys"
            " FROM transactions t ORDER BY id"
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

    # -- writing --

    def begin(
        self,
        transaction: Transaction,
        claims: Sequence[tuple[Claim, str]],
        writes: Sequence[Write],
    ) -> Transaction:
        """Record an apply before its first write; durable when this returns.

        `claims` come with the value that each subject has now. A value that is not the one that
        tunekit left there opens a new epoch on the subject.
        """
        with self._atomic():
            number = self._db.execute(
                "INSERT INTO transactions (state, profile, path, started, boot_id, kernel, uid,"
                " loginuid, command, version, netns, cookie) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    TransactionState.BEGUN.value,
                    transaction.profile,
                    transaction.path,
                    transaction.started,
                    transaction.boot_id,
                    transaction.kernel,
                    transaction.uid,
                    transaction.loginuid,
                    transaction.command,
                    transaction.version,
                    transaction.netns,
                    transaction.cookie,
                ),
            ).lastrowid
            for claim, present in claims:
                self._db.execute(
                    "INSERT INTO claims VALUES (?,?,?,?,?,?)",
                    (
                        number,
                        *_columns(claim.subject),
                        self._epoch(claim.subject, present),
                        codec.encode(claim.requirements),
                    ),
                )
            for position, write in enumerate(writes):
                self._db.execute(
                    "INSERT INTO writes VALUES (?,?,?,?,?,?,?,NULL)",
                    (number, position, *_columns(write.subject), write.before, write.wanted),
                )
        assert number is not None
        return replace(transaction, id=number, keys=len(claims))

    def _epoch(self, subject: Subject, present: str) -> int:

        bases = self.bases(subject)
        if bases and value_of(subject.name, bases[-1].current) == value_of(subject.name, present):
            return bases[-1].epoch
        epoch = bases[-1].epoch + 1 if bases else 1
        self._db.execute(
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
                self._db.execute(
                    "UPDATE writes SET after = ?"
                    " WHERE transaction_id = ? AND kind = ? AND identity = ? AND name = ?",
                    (text, number, *_columns(subject)),
                )
                self.settle(subject, text)
            self._end(number, TransactionState.APPLIED)

    def settle(self, subject: Subject, text: str) -> None:
        """Remember the value that tunekit left on a subject, in its newest epoch."""
        self._db.execute(
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
                self.settle(subject, text)
            self._end(number, state)
            self._sweep()

    def _release(self, number: int, subjects: Iterable[Subject]) -> None:
        for subject in subjects:
            self._db.execute(
                "DELETE FROM claims WHERE transaction_id = ? AND kind = ? AND identity = ?"
                " AND name = ?",
                (number, *_columns(subject)),
            )

    def _merge(self, subject: Subject, epoch: int) -> None:
        columns = _columns(subject)
        self._db.execute(
            "UPDATE claims SET epoch = ? WHERE kind = ? AND identity = ? AND name = ?"
            " AND epoch > ?",
            (epoch, *columns, epoch),
        )
        self._db.execute(
            "DELETE FROM bases WHERE kind = ? AND identity = ? AND name = ? AND epoch > ?",
            (*columns, epoch),
        )

    def _end(self, number: int, state: TransactionState) -> None:
        self._db.execute(
            "UPDATE transactions SET state = ?, finished = ? WHERE id = ?",
            (state.value, time.time(), number),
        )

    def _sweep(self) -> None:
        """Drop bases that no claim rests on, and transactions that ended long ago."""
        self._db.execute(
            "DELETE FROM bases WHERE NOT EXISTS (SELECT 1 FROM claims c WHERE c.kind = bases.kind"
            " AND c.identity = bases.identity AND c.name = bases.name AND c.epoch = bases.epoch)"
        )
        ended = (TransactionState.UNDONE.value, TransactionState.ROLLED_BACK.value)
        self._db.execute(
            "DELETE FROM transactions WHERE state IN (?, ?) AND (finished < ? OR id <="
            " (SELECT max(id) FROM transactions) - ?)",
            (*ended, time.time() - KEEP_DAYS * 86400, KEEP_ENDED),
        )

    @contextmanager
    def _atomic(self) -> Iterator[None]:
        import sqlite3

        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise _unusable(self.path, error) from error

    def _all(self, query: str, values: Iterable[Any] = ()) -> list[sqlite3.Row]:
        import sqlite3

        try:
            return self._db.execute(query, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from error


@contextmanager
def opened(state_dir: Path = STATE_DIR) -> Iterator[Journal]:
    """Open the journal for writing, made when there is none.

    Raises StateError, before anything was written anywhere, when the folder or the file cannot be
    used: not permitted, read-only, full, damaged, written by others, of a newer tunekit.
    """
    path = state_dir / FILE_NAME
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_shared(state_dir)
        if not path.exists():
            # SQLite would make it with the caller's umask.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            _sync_folder(state_dir)
        _refuse_shared(path)
    except OSError as error:
        raise _unusable(path, error) from error
    journal = Journal(_connect(path, "rw"), path)
    try:
        _prepare(journal)
        yield journal
    finally:
        journal.close()


@contextmanager
def peek(state_dir: Path = STATE_DIR) -> Iterator[Journal | None]:
    """Open the journal for reading; None when there is none. Makes and changes nothing.

    Raises StateError when there is one and it cannot be read.
    """
    path = state_dir / FILE_NAME
    try:
        present = path.exists()
    except OSError as error:
        raise _unusable(path, error) from error
    if not present or path.stat().st_size == 0:
        yield None
        return
    # A commit that was cut off left a rollback file behind, which only a writer may play back.
    mode = "rw" if os.access(path, os.W_OK) and os.access(state_dir, os.W_OK) else "ro"
    journal = Journal(_connect(path, mode), path)
    try:
        _check_version(journal)
        yield journal
    finally:
        journal.close()


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    import sqlite3
    from urllib.parse import quote

    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}", uri=True, isolation_level=None, timeout=5
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    return connection


def _prepare(journal: Journal) -> None:
    import sqlite3

    db = journal._db
    try:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA synchronous = EXTRA")
        if _check_version(journal) == 0:
            db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {VERSION};COMMIT;")
        problem = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise sqlite3.DatabaseError(problem)
        # A write that is taken back finds a read-only file or a full disk now, not halfway.
        db.execute("BEGIN IMMEDIATE")
        db.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise _unusable(journal.path, error) from error


def _check_version(journal: Journal) -> int:
    import sqlite3

    try:
        version = int(journal._db.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error as error:
        raise _unusable(journal.path, error) from error
    if version > VERSION:
        raise StateError(
            f"the journal has schema {version} and this tunekit knows {VERSION}",
            path=str(journal.path),
            hint="use the newer tunekit that wrote it",
        )
    return version


def _refuse_shared(path: Path) -> None:
    status = path.stat()
    if status.st_uid not in (0, os.geteuid()):
        raise StateError(
            f"belongs to user {status.st_uid}",
            path=str(path),
            hint="chown it to root, or give another --state-dir",
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StateError(
            "can be written by others, who could make root write their values",
            path=str(path),
            hint=f"chmod go-w {path}",
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: Exception) -> StateError:
    if isinstance(error, OSError):
        cause = os.strerror(error.errno or 0).lower()
        hint = "run as root, or give a --state-dir that can be written"
    else:
        cause = str(error)
        hint = f"free some space or look at it with `sqlite3 {path}`; to start anew, move it away"
    errno = error.errno if isinstance(error, OSError) else None
    return StateError(f"cannot use the journal: {cause}", path=str(path), errno=errno, hint=hint)


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
        netns=row["netns"],
        cookie=row["cookie"],
        keys=row["keys"],
    )
