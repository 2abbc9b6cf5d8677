"""Reading below a root directory, and never outside of it.

Another root file system (an image, a chroot, a container's) has links of its own, made for the
time when it is the root: `/etc/x -> /usr/lib/x` there means a file of that tree. openat2(2) with
RESOLVE_IN_ROOT (Linux 5.6) resolves them so in the kernel, whatever changes meanwhile. Where it
is missing, or a sandbox refuses it, the same walk is done by hand, one component at a time.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from tunekit.errors import UsageError
from tunekit.files.model import Unread

_SYS_OPENAT2 = 437  # the same number on every architecture
_RESOLVE_IN_ROOT = 0x10
_MAX_LINKS = 40
MAX_FILE = 1 << 20

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_NOT_TO_BE_HAD = frozenset({errno.ENOSYS, errno.EPERM, errno.E2BIG, errno.EINVAL})


class Root:
    """A directory that is or will be somebody's `/`."""

    def __init__(
        self,
        path: Path = Path("/"),
        *,
        by_hand: bool = False,
        overlay: Mapping[str, str | None] | None = None,
    ) -> None:
        """Open a root. `by_hand` walks without openat2. `overlay` are files to see in place of
        those that are there, None to see none. Raises UsageError for no directory.
        """
        self.path = path
        self._overlay = overlay or {}
        self.is_host = path.resolve() == Path("/")
        self._by_hand = by_hand
        try:
            self._top = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise UsageError(
                f"cannot be a root: {error.strerror}",
                path=str(path),
                hint="name the directory that holds the other system's etc and usr",
            ) from error
        self.unread: list[Unread] = []
        """What was there and could not be read."""

    def __enter__(self) -> Root:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._top)

    def open(self, name: str, flags: int) -> int:
        """Open a path as this root's own processes would. Raises OSError."""
        flags |= os.O_CLOEXEC
        relative = name.lstrip("/") or "."
        if self.is_host:
            return os.open(f"/{name.lstrip('/')}", flags)
        if not self._by_hand:
            try:
                return _openat2(self._top, relative, flags)
            except OSError as error:
                if error.errno not in _NOT_TO_BE_HAD:
                    raise
                self._by_hand = True
        return self._walk(relative, flags)

    def read(self, name: str) -> str | None:
        """The text of a file, None where there is none; what cannot be read goes to `unread`.

        Bytes that are no UTF-8 come as surrogates. A device is read as an empty file, since a link
        to /dev/null is what masks are made of.
        """
        if name in self._overlay:
            return self._overlay[name]
        try:
            # Without O_NONBLOCK a FIFO would keep us waiting.
            descriptor = self.open(name, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            self._note(name, error)
            return None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return ""
            data = b""
            while len(data) <= MAX_FILE and (block := os.read(descriptor, MAX_FILE)):
                data += block
        except OSError as error:
            self._note(name, error)
            return None
        finally:
            os.close(descriptor)
        if len(data) > MAX_FILE:
            self.unread.append(Unread(path=name, cause=f"longer than {MAX_FILE} bytes"))
            return None
        return data.decode(errors="surrogateescape")

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder, sorted; none where there is no such folder."""
        found = set(self._names(folder))
        for path, text in self._overlay.items():
            parent, _, name = path.rpartition("/")
            if parent == folder:
                (found.discard if text is None else found.add)(name)
        return tuple(sorted(found))

    def _names(self, folder: str) -> tuple[str, ...]:
        try:
            descriptor = self.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            self._note(folder, error)
            return ()
        try:
            with os.scandir(descriptor) as entries:
                return tuple(entry.name for entry in entries)
        except OSError as error:
            self._note(folder, error)
            return ()
        finally:
            os.close(descriptor)

    def identity(self, name: str) -> tuple[int, int] | None:
        """Device and inode of what a path leads to, None where there is nothing."""
        if self._overlay.get(name) is not None:
            return -1, hash(name)
        try:
            descriptor = self.open(name, os.O_PATH)
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        return status.st_dev, status.st_ino

    def exists(self, name: str) -> bool:
        """Tell whether a path leads to something."""
        return self.identity(name) is not None

    def make_folder(self, path: str) -> int:
        """Open a folder, made with those above it where they are missing. Raises OSError."""
        try:
            return self.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            parent, _, name = path.rstrip("/").rpartition("/")
            above = self.make_folder(parent or "/")
            try:
                os.mkdir(name, 0o755, dir_fd=above)
                os.fsync(above)
            finally:
                os.close(above)
            return self.open(path, os.O_RDONLY | os.O_DIRECTORY)

    def link(self, name: str) -> str | None:
        """What a symbolic link says, None where the path is none."""
        folder, _, last = name.rstrip("/").rpartition("/")
        try:
            parent = self.open(folder or "/", os.O_PATH | os.O_DIRECTORY)
        except OSError:
            return None
        try:
            return os.readlink(last, dir_fd=parent)
        except OSError:
            return None
        finally:
            os.close(parent)

    def _note(self, name: str, error: OSError) -> None:
        if error.errno not in _ABSENT:
            self.unread.append(Unread(path=name, cause=os.strerror(error.errno or 0)))

    def _walk(self, name: str, flags: int) -> int:
        """Open by hand: every component without following it, every link read and resolved here.

        `..` of the top is the top. The folders passed through are kept open, so that renaming one
        meanwhile leads nowhere else.
        """
        pending = [part for part in name.split("/") if part not in ("", ".")][::-1]
        passed = [os.dup(self._top)]
        links = 0
        try:
            while pending:
                part = pending.pop()
                if part == "..":
                    if len(passed) > 1:
                        os.close(passed.pop())
                    continue
                found = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=passed[-1])
                if not stat.S_ISLNK(os.fstat(found).st_mode):
                    passed.append(found)
                    continue
                try:
                    links += 1
                    if links > _MAX_LINKS:
                        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                    target = os.readlink("", dir_fd=found)
                finally:
                    os.close(found)
                if target.startswith("/"):
                    while len(passed) > 1:
                        os.close(passed.pop())
                pending += [p for p in target.split("/") if p not in ("", ".")][::-1]
            # What is held cannot be exchanged any more; this opens that very file.
            return os.open(f"/proc/self/fd/{passed[-1]}", flags)
        finally:
            for descriptor in passed:
                os.close(descriptor)


def _openat2(top: int, name: str, flags: int) -> int:
    import ctypes

    how = (ctypes.c_uint64 * 3)(flags, 0, _RESOLVE_IN_ROOT)
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(
        ctypes.c_long(_SYS_OPENAT2),
        ctypes.c_int(top),
        ctypes.c_char_p(os.fsencode(name)),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if descriptor < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return int(descriptor)
