"""Opening the journal's file, and refusing one that cannot be trusted or used.

SQLite gives atomic, durable commits; synchronous=EXTRA also syncs the folder after the rollback
file is deleted, without which a power cut could bring it back.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tunekit.engine.filing import SCHEMA as FILES
from tunekit.engine.unusable import damaged, unusable
from tunekit.errors import StateError

if TYPE_CHECKING:
    from tunekit.engine.journal import Journal

STATE_DIR = Path("/var/lib/tunekit")
FILE_NAME = "journal.sqlite"
VERSION = 2

_SCHEMA = """
CREATE TABLE transactions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL, profile TEXT NOT NULL, path TEXT NOT NULL,
    started REAL NOT NULL, finished REAL, boot_id TEXT NOT NULL, kernel TEXT NOT NULL,
    uid INTEGER NOT NULL, loginuid INTEGER, command TEXT NOT NULL, version TEXT NOT NULL,
    variables TEXT NOT NULL, allowed TEXT NOT NULL,
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
CREATE TABLE undos (
    transaction_id INTEGER NOT NULL REFERENCES transactions(id) ON DELETE CASCADE,
    kind TEXT NOT NULL, identity TEXT NOT NULL, name TEXT NOT NULL, target TEXT NOT NULL,
    forced INTEGER NOT NULL,
    PRIMARY KEY (transaction_id, kind, identity, name));
CREATE TABLE bases (
    kind TEXT NOT NULL, identity TEXT NOT NULL, name TEXT NOT NULL, epoch INTEGER NOT NULL,
    base TEXT NOT NULL, current TEXT NOT NULL,
    PRIMARY KEY (kind, identity, name, epoch));
"""


@contextmanager
def opened(state_dir: Path = STATE_DIR) -> Iterator[Journal]:
    """Open the journal for writing, made when there is none.

    Raises StateError, before anything was written anywhere, when the folder or the file cannot be
    used: not permitted, read-only, full, damaged, written by others, of a newer tunekit.
    """
    path = state_dir / FILE_NAME
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        # From here on without links: what is judged below is what is opened.
        folder = state_dir.resolve(strict=True)
        path = folder / FILE_NAME
        _judge_folder(folder)
        _make(path)
    except OSError as error:
        raise unusable(path, error) from error
    journal = _open(path, "rw")
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
        empty = path.stat().st_size == 0
    except FileNotFoundError:
        empty = True
    except OSError as error:
        raise unusable(path, error) from error
    if empty:
        yield None
        return
    # A commit that was cut off left a rollback file behind, which only a writer may play back.
    mode = "rw" if os.access(path, os.W_OK) and os.access(state_dir, os.W_OK) else "ro"
    journal = _open(path, mode)
    try:
        _check_version(journal)
        yield journal
    finally:
        journal.close()


def _open(path: Path, mode: str) -> Journal:
    # Most hosts have no journal, and looking for one must not cost SQLite's import.
    import sqlite3
    from urllib.parse import quote

    from tunekit.engine.journal import Journal

    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}", uri=True, isolation_level=None, timeout=5
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    return Journal(connection, path)


def _prepare(journal: Journal) -> None:
    import sqlite3

    db = journal.connection
    try:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA synchronous = EXTRA")
        version = _check_version(journal)
        if version < VERSION:
            # The files came with version 2.
            tables = FILES if version else _SCHEMA + FILES
            db.executescript(f"BEGIN;{tables}PRAGMA user_version = {VERSION};COMMIT;")
        problem = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise damaged(journal.path, problem)
        # A write that is taken back finds a read-only file or a full disk now, not halfway.
        db.execute("BEGIN IMMEDIATE")
        db.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise unusable(journal.path, error) from error


def _check_version(journal: Journal) -> int:
    import sqlite3

    try:
        version = int(journal.connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error as error:
        raise unusable(journal.path, error) from error
    if version > VERSION:
        raise StateError(
            f"the journal has schema {version} and this tunekit knows {VERSION}",
            path=str(journal.path),
            hint="use the newer tunekit that wrote it",
        )
    return version


def _make(path: Path) -> None:
    """Make the file when there is none; SQLite would make it with the caller's umask."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    _refuse_foreign(path, status)
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StateError(
            "is open to others, and it may hold secrets",
            path=str(path),
            hint=f"chmod 600 {path}",
        )
    if status.st_size == 0:
        _sync_folder(path.parent)


def _judge_folder(folder: Path) -> None:
    """Refuse a folder that somebody else could fill, or exchange by way of one above it: what
    the journal says is written by root.
    """
    for place in (folder, *folder.parents):
        status = place.stat()
        _refuse_foreign(place, status)
        writable = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        # Nobody can replace in a sticky folder, such as /tmp, what is not theirs.
        if writable and (place == folder or not status.st_mode & stat.S_ISVTX):
            raise StateError(
                "can be written by others, who could make root write their values",
                path=str(place),
                hint=f"chmod go-w {place}",
            )


def _refuse_foreign(path: Path, status: os.stat_result) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise StateError(
            f"belongs to user {status.st_uid}, who could make root write their values",
            path=str(path),
            hint="chown it to root, or give another --state-dir",
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
