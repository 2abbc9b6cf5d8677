"""Opening profile files: the only part of this room that touches the disk."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from tunekit.errors import ProfileError, TunekitError, UsageError
from tunekit.profile import nodes, statements, trust
from tunekit.profile.document import Document
from tunekit.profile.find import locate
from tunekit.profile.nodes import Scalar
from tunekit.profile.problems import Problems

MAX_FILES = 50
_Identity = tuple[int, int]


def read(
    profile: str,
    *,
    search: Sequence[Path],
    owners: Collection[int] | None,
    problems: Problems,
) -> Document:
    """Read a profile and all that it extends.

    `owners` are the users who may own the files, None when anybody may. What is wrong inside the
    files, or with a parent, is noted in `problems`. Raises ProfileError when the profile itself
    cannot be found, opened or trusted.
    """
    reader = _Reader(search, owners, problems)
    try:
        return reader.read(locate(profile, search=search))
    except TunekitError as error:
        raise ProfileError([error]) from error


class _Reader:
    def __init__(
        self, search: Sequence[Path], owners: Collection[int] | None, problems: Problems
    ) -> None:
        self.search = search
        self.owners = owners
        self.problems = problems
        self.done: dict[_Identity, Document] = {}
        self.open: dict[_Identity, str] = {}

    def read(self, path: Path) -> Document:
        """Raises UsageError for a file that cannot be opened or trusted, and for a cycle."""
        data, identity = read_bytes(path, self.owners)
        if identity in self.done:
            return self.done[identity]
        if identity in self.open:
            circle = [*self.open.values(), str(path)]
            start = list(self.open).index(identity)
            raise UsageError(
                f"a cycle: {' -> '.join(circle[start:])}", hint="remove one of these extends"
            )
        if len(self.done) + len(self.open) >= MAX_FILES:
            raise UsageError(f"more than {MAX_FILES} files", hint="extend fewer profiles")
        self.open[identity] = str(path)
        document = from_bytes(data, str(path), self.problems)
        parents = tuple(
            parent for each in document.extends if (parent := self.parent(each, path)) is not None
        )
        del self.open[identity]
        self.done[identity] = replace(document, parents=parents)
        return self.done[identity]

    def parent(self, name: Scalar, child: Path) -> Document | None:
        try:
            return self.read(locate(name.text, search=self.search, beside=child.parent))
        except TunekitError as error:
            self.problems.broken = True
            what = ": ".join(part for part in (error.path, error.key, error.message) if part)
            self.problems.add(what, key="extends", location=name.location, hint=error.hint)
            return None


def from_bytes(data: bytes, file: str, problems: Problems) -> Document:
    """Read one document; what is wrong is noted in `problems`."""
    root = nodes.parse(data, file, problems)
    if root is None:
        return Document(file=file, name=Path(file).stem)
    return statements.read(root, file, problems)


def read_bytes(path: Path, owners: Collection[int] | None) -> tuple[bytes, _Identity]:
    """Return a file's bytes (one more than the limit at most) and its device and inode.

    Raises UsageError for what cannot be opened, is no regular file, or is not to be trusted.
    """
    shown = str(path)
    try:
        # O_NONBLOCK: opening a FIFO must not wait for its other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        raise UsageError(
            f"cannot be opened: {os.strerror(error.errno or 0).lower()}",
            path=shown,
            errno=error.errno,
            hint="run as a user who may read it"
            if isinstance(error, PermissionError)
            else "check the path",
        ) from error
    except ValueError as error:
        raise UsageError("not a path", path=shown, hint="write the path of a file") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UsageError("not a regular file", path=shown, hint="copy it into a file")
        if owners is not None:
            trust.check(descriptor, shown, owners)
        with open(descriptor, "rb", closefd=False) as stream:
            data: bytes | None = stream.read(nodes.MAX_BYTES + 1)
        if data is None:
            # O_NONBLOCK again: /proc/kmsg passes for a regular file, and has nothing yet.
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    except OSError as error:
        raise UsageError(
            f"cannot be read: {os.strerror(error.errno or 0).lower()}",
            path=shown,
            errno=error.errno,
        ) from error
    finally:
        os.close(descriptor)
    return data, (status.st_dev, status.st_ino)
