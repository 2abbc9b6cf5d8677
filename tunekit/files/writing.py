"""Replacing and removing files of tunekit's own, so that a power cut leaves the old or the new.

The text goes to a file of another name beside it, which is synced and then renamed; the folder is
synced last. The other name does not end in `.conf`, so that no program of boot reads what a power
cut left of it.
"""

from __future__ import annotations

import errno
import os
import re
import stat

from tunekit.errors import TunekitError
from tunekit.files.root import MAX_FILE, Root

HEADER = "# Written by tunekit"
_OURS = re.compile(
    r"/etc/(?:sysctl\.d|modules-load\.d|security/limits\.d|systemd/system\.conf\.d"
    r"|systemd/system(?:/[A-Za-z0-9:_.\\@-]+\.d)?)/[A-Za-z0-9._-]*tunekit-[A-Za-z0-9._-]+\Z"
)
_OWN_FOLDERS = re.compile(r"/etc/systemd/(?:system/[^/]+|system\.conf)\.d\Z")


class FileRefused(TunekitError):
    """A file that could not be written, or that is not tunekit's to write."""


def is_ours(path: str) -> bool:
    """Tell whether tunekit would ever write a file of this path."""
    return _OURS.match(path) is not None and ".." not in path


def current(root: Root, path: str) -> str | None:
    """The text of a file as it is, None where there is none.

    A link is not followed: its text begins with `->`, which no file of ours does.
    """
    parent, _, name = path.rpartition("/")
    try:
        folder = root.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _failed(path, error) from error
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            return "-> not a file"
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(MAX_FILE + 1).decode(errors="surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _failed(path, error) from error
    finally:
        os.close(folder)


def replace(root: Root, path: str, text: str | None) -> None:
    """Give a file a text, or remove it for None; durable when this returns.

    Raises FileRefused; the file is what it was then.
    """
    if not is_ours(path):
        raise FileRefused("is no file that tunekit writes", path=path, hint="report this")
    parent, _, name = path.rpartition("/")
    try:
        if text is None:
            _remove(root, parent, name)
            return
        folder = root.make_folder(parent)
        try:
            _put(folder, name, text.encode())
        finally:
            os.close(folder)
    except OSError as error:
        raise _failed(path, error) from error


def clear(root: Root, path: str) -> None:
    """Remove what a power cut left of the writing of a file: the text beside it, and the folder of
    drop-ins that was made for it and is empty. Writes nothing where there is none of them.

    Raises FileRefused.
    """
    parent, _, name = path.rpartition("/")
    if not is_ours(path):
        return
    names = root.names(parent)
    try:
        if _beside(name) in names:
            folder = root.open(parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                _unlink(folder, _beside(name))
                os.fsync(folder)
            finally:
                os.close(folder)
        if not {*names} - {_beside(name)} and _OWN_FOLDERS.match(parent) and root.exists(parent):
            _remove_empty(root, parent)
    except OSError as error:
        raise _failed(path, error) from error


def _put(folder: int, name: str, data: bytes) -> None:
    beside = _beside(name)
    _unlink(folder, beside)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(beside, flags, 0o644, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        _unlink(folder, beside)
        raise
    os.fsync(folder)


def _remove(root: Root, parent: str, name: str) -> None:
    try:
        folder = root.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        _unlink(folder, _beside(name))
        _unlink(folder, name)
        os.fsync(folder)
    finally:
        os.close(folder)
    if _OWN_FOLDERS.match(parent):
        _remove_empty(root, parent)


def _remove_empty(root: Root, path: str) -> None:
    """Remove a folder of drop-ins that nobody else has put anything into."""
    parent, _, name = path.rpartition("/")
    above = root.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.rmdir(name, dir_fd=above)
        os.fsync(above)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
    finally:
        os.close(above)


def _beside(name: str) -> str:
    return f".{name}.new"


def _unlink(folder: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return


def _failed(path: str, error: OSError) -> FileRefused:
    hints = {
        errno.EROFS: "remount it read-write, or persist where the image is built, with --root",
        errno.EACCES: "run as root",
        errno.EPERM: "run as root",
    }
    return FileRefused(
        f"cannot be written: {os.strerror(error.errno or 0)}",
        path=path,
        errno=error.errno,
        hint=hints.get(error.errno or 0, "see what is in the way there"),
    )
