"""Files that outlive a reboot, as part of a transaction.

A file of tunekit's is what the newest transaction that still stands wants it to be, and not there
when none does. One that is neither that nor what this transaction was about to write has been
edited by somebody: it is left alone and named. Each step can be done again, so that what a killed
run was doing needs no record but the transaction's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tunekit.engine.model import Change, Outcome, ScopeId, ScopeKind, Subject
from tunekit.errors import StateError, TunekitError
from tunekit.files.root import Root
from tunekit.files.writing import HEADER, FileRefused, clear, current, is_ours, replace
from tunekit.records import dataclass

if TYPE_CHECKING:
    import sqlite3

SCHEMA = """
CREATE TABLE files (
    transaction_id INTEGER NOT NULL REFERENCES transactions(id) ON DELETE CASCADE,
    root TEXT NOT NULL, path TEXT NOT NULL, before TEXT, text TEXT,
    PRIMARY KEY (transaction_id, root, path));
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWrite:
    """A file on its way from `before` to `text`; None where there is none.

    `path` is below `root`, another root file system perhaps.
    """

    root: str
    path: str
    before: str | None
    text: str | None

    @property
    def subject(self) -> Subject:
        """The file as the subject of a change."""
        return Subject(ScopeId(ScopeKind.FILE.value, self.root), self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """A file that a transaction in the journal still claims."""

    transaction: int
    write: FileWrite


def insert(connection: sqlite3.Connection, number: int, files: Iterable[FileWrite]) -> None:
    """Record what a transaction is about to do to files; part of the caller's commit."""
    connection.executemany(
        "INSERT INTO files VALUES (?,?,?,?,?)",
        [(number, each.root, each.path, each.before, each.text) for each in files],
    )


def release(connection: sqlite3.Connection, number: int, subjects: Iterable[Subject]) -> None:
    """Have a transaction let go of files; part of the caller's commit."""
    connection.executemany(
        "DELETE FROM files WHERE transaction_id = ? AND root = ? AND path = ?",
        [
            (number, subject.scope.identity, subject.name)
            for subject in subjects
            if subject.scope.kind == ScopeKind.FILE.value
        ],
    )


def filed(rows: Iterable[sqlite3.Row]) -> list[Filed]:
    """What rows of the journal say. Raises StateError for a file that is not tunekit's."""
    found = []
    for row in rows:
        texts = (row["before"], row["text"])
        if not is_ours(row["path"]) or any(t and not t.startswith(HEADER) for t in texts):
            raise StateError(
                f"the journal is damaged: {row['path']!r} is no file that tunekit writes",
                hint="move the journal away and remove the files by hand",
            )
        write = FileWrite(
            root=row["root"], path=row["path"], before=row["before"], text=row["text"]
        )
        found.append(Filed(transaction=row["transaction_id"], write=write))
    return found


def write_files(files: Sequence[FileWrite]) -> list[Change]:
    """Write files one after the other, each at once or not at all. Raises FileRefused."""
    done = []
    for each in files:
        with Root(Path(each.root)) as root:
            if current(root, each.path) != each.before:
                raise edited(each)
            replace(root, each.path, each.text)
            if current(root, each.path) != each.text:
                raise FileRefused(
                    "reads otherwise than it was written", path=each.path, hint="see who writes it"
                )
        done.append(row(each, Outcome.APPLIED))
    return done


def edited(write: FileWrite) -> FileRefused:
    """The refusal of a file that is not as tunekit left it."""
    if write.before is None:
        return FileRefused(
            "is there already, and tunekit did not write it",
            path=write.path,
            hint="move it away, or keep it and do not persist",
        )
    return FileRefused(
        "was edited or removed since tunekit wrote it",
        path=write.path,
        hint="put your changes into a file of your own, remove this one, and persist again",
    )


def undo(files: Sequence[FileWrite]) -> dict[Subject, str]:
    """Give files their before-texts, whether they were written or not.

    Returns why, for each that is left as it is.
    """
    problems = {}
    for each in reversed(files):
        problem = settle(each, {each.before, each.text}, each.before)
        if problem:
            problems[each.subject] = problem
    return problems


def is_undone(write: FileWrite) -> bool:
    """Tell whether a file is as it was before, or again."""
    try:
        with Root(Path(write.root)) as root:
            return current(root, write.path) == write.before
    except TunekitError:
        return False


def settle(
    write: FileWrite, expected: set[str | None], target: str | None, *, force: bool = False
) -> str:
    """Give a file its target text, unless somebody edited it; returns why not, empty when done.

    What a power cut left beside it goes, too.
    """
    try:
        with Root(Path(write.root)) as root:
            present = current(root, write.path)
            if present != target:
                if present not in expected and not force:
                    return "somebody edited or removed it since tunekit wrote it"
                replace(root, write.path, target)
            else:
                clear(root, write.path)
    except TunekitError as error:
        return error.message
    return ""


def row(write: FileWrite, outcome: Outcome, *, detail: str = "", back: bool = False) -> Change:
    """A file as a row of a report: `back` when it goes from its text to the one before."""
    before, after = (write.text, write.before) if back else (write.before, write.text)
    done = outcome in (Outcome.APPLIED, Outcome.ROLLED_BACK)
    return Change(
        subject=write.subject,
        before=in_words(before),
        wanted=in_words(after),
        after=in_words(after) if done else None,
        outcome=outcome,
        detail=detail,
    )


def in_words(text: str | None) -> str:
    """How much there is of a file."""
    if text is None:
        return "no file"
    count = sum(1 for line in text.split("\n") if line and line[0] not in "#[")
    return "1 setting" if count == 1 else f"{count} settings"
