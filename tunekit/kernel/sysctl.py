"""Reading and writing /proc/sys, one system call a value.

Three habits of the kernel shape this module (fs/proc/proc_sysctl.c, kernel/sysctl.c):

A read yields data at offset 0 only, so a value must come out in one read: what does not fit is
cut off without an error. Python's own text files start with 8 KiB; a port list can need 190 KB.

A write at an offset above 0 is swallowed with success for numbers and *appends* for strings
(kernel.sysctl_writes_strict=1, the default since 4.5), so a value must go in with one write, and a
short count must not be continued: it means that the key has fewer fields than were given. The
exception is a port list, which takes a page at a time and merges what follows on the same
descriptor.

What /proc/sys/net shows is decided at lookup, by the network namespace of the reading thread. So
no descriptor is kept between calls.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tunekit import catalog
from tunekit.catalog.model import Scope
from tunekit.errors import InvalidKey, ReadFailed
from tunekit.kernel.readings import Cause, Denied, Elsewhere, Missing, Reading, Value
from tunekit.kernel.refusals import WriteRefused, refused
from tunekit.values import Kind, SysctlKey

__all__ = ["Sysctls", "WriteRefused"]

# The kernel allocates and clears a buffer as large as the read asks for, so that the first one is
# small; anything that comes near its size is read again, whole, from offset 0.
_FIRST_READ = 8192
_WHOLE_READ = 1 << 20

# proc_do_large_bitmap() takes PAGE_SIZE - 1 bytes a write; 4 KiB is the smallest page.
_PORTS_PER_WRITE = 4095

# Reading these does something, or shows what nobody should see, whatever their mode says.
_NEVER_WALKED = frozenset({"stable_secret", "tcp_fastopen_key", "stat_refresh", "flush"})

_READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_WRITE_FLAGS = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW

_NO_SUCH_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG})
_READ_BITS = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_WRITE_BITS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class Sysctls:
    """The tunables below `root`, as the calling thread's network namespace shows them."""

    root: Path

    def __init__(self, root: Path = Path("/proc/sys")) -> None:
        self.root = root
        self._root = os.fspath(root)
        # Directories seen to have no symbolic link on the way. procfs cannot grow one later.
        self._plain: set[str] = {""}

    @property
    def hides_host_keys(self) -> bool:
        """Whether this is a child network namespace, which does not show the host's own keys.

        Told by net.core.netdev_max_backlog, which only the initial one has (net_core_table in
        net/core/sysctl_net_core.c).
        """
        core = f"{self._root}/net/core"
        return _exists(core) and not _exists(f"{core}/netdev_max_backlog")

    def has(self, key: SysctlKey) -> bool:
        """Tell whether there is such a key here, readable or not.

        Raises InvalidKey for a key that leads out of the root.
        """
        self._refuse_links(key)
        try:
            mode = os.lstat(self._path(key)).st_mode
        except OSError:
            return False
        return stat.S_ISREG(mode)

    def read(self, key: SysctlKey) -> Reading:
        """Read the whole value, without the newline at its end.

        Bytes that are no UTF-8 come as surrogates (PEP 383). Raises InvalidKey for a key that
        leads out of the root, before anything is opened.
        """
        self._refuse_links(key)
        try:
            descriptor = os.open(self._path(key), _READ_FLAGS)
        except OSError as error:
            return self._unopened(key, _number(error))
        try:
            data = os.read(descriptor, _FIRST_READ)
            if len(data) > _FIRST_READ // 2:
                data = os.pread(descriptor, _WHOLE_READ, 0)
        except OSError as error:
            return _unread(_number(error))
        finally:
            os.close(descriptor)
        if len(data) >= _WHOLE_READ:
            raise ReadFailed(
                f"longer than {_WHOLE_READ} bytes", key=str(key), hint="no sysctl is; is it a file?"
            )
        return Value(data.removesuffix(b"\n").decode(errors="surrogateescape"))

    def write(self, key: SysctlKey, text: str) -> None:
        """Write a whole value, with one write on a descriptor of its own.

        A port list longer than a page goes on the same descriptor; the kernel shows the part
        written so far until the last write. That the call returns says that the kernel took every
        byte, not that it stored what they mean: read back. Raises WriteRefused, after which a
        vector may be half-written, and InvalidKey for a key that leads out of the root.
        """
        self._refuse_links(key)
        # A write of nothing returns success and does nothing; a newline clears.
        data = text.encode(errors="surrogateescape") or b"\n"
        chunks = _port_chunks(data) if len(data) > _PORTS_PER_WRITE and _is_ports(key) else [data]
        try:
            descriptor = os.open(self._path(key), _WRITE_FLAGS)
        except OSError as error:
            number = _number(error)
            raise self._unwritable(key, number) from error
        try:
            for chunk in chunks:
                _write_whole(descriptor, chunk, key)
        finally:
            os.close(descriptor)

    def write_refusal(self, key: SysctlKey) -> Cause | None:
        """Say why a write would be refused at once, None if it would not.

        Opens the key for writing and closes it again. A value may still be refused, as may any
        write to a key that checks capabilities only then. Raises InvalidKey as `write` does.
        """
        self._refuse_links(key)
        try:
            os.close(os.open(self._path(key), _WRITE_FLAGS))
        except OSError as error:
            return self._unwritable(key, _number(error)).cause
        return None

    def walk(self) -> Iterator[SysctlKey]:
        """Yield every key that is safe to read, in the order of their paths.

        Left out are triggers (no read permission for anybody), keys whose reading has an effect,
        secrets, and whatever is mounted below, such as fs/binfmt_misc, whose automount a look
        inside would fire.
        """
        try:
            device = os.lstat(self._root).st_dev
        except OSError as error:
            raise ReadFailed(
                f"cannot be read: {error.strerror}", path=self._root, hint="mount /proc"
            ) from error
        yield from self._walk_folder((), device)

    def _walk_folder(self, parts: tuple[str, ...], device: int) -> Iterator[SysctlKey]:
        try:
            with os.scandir("/".join((self._root, *parts))) as entries:
                names = sorted(entry.name for entry in entries)
        except OSError:
            # An interface or a namespace may be gone since its parent was listed.
            return
        for name in names:
            inner = (*parts, name)
            try:
                status = os.lstat("/".join((self._root, *inner)))
            except OSError:
                continue
            if status.st_dev != device or name in _NEVER_WALKED:
                continue
            if stat.S_ISDIR(status.st_mode):
                yield from self._walk_folder(inner, device)
            elif stat.S_ISREG(status.st_mode) and status.st_mode & _READ_BITS:
                key = SysctlKey(inner)
                tunable = catalog.find(key)
                if tunable is None or not tunable.secret:
                    yield key

    def _path(self, key: SysctlKey) -> str:
        return f"{self._root}/{key.path}"

    def _refuse_links(self, key: SysctlKey) -> None:
        # The last component is left to O_NOFOLLOW and lstat().
        folder = "/".join(key.parts[:-1])
        if folder not in self._plain:
            walked = ""
            for part in key.parts[:-1]:
                walked = f"{walked}/{part}"
                try:
                    mode = os.lstat(self._root + walked).st_mode
                except OSError:
                    return
                if stat.S_ISLNK(mode):
                    raise self._leads_out(key, walked)
            self._plain.add(folder)

    def _leads_out(self, key: SysctlKey, link: str) -> InvalidKey:
        return InvalidKey(
            f"{self._root}{link} is a symbolic link",
            key=str(key),
            hint=f"a key names one file below {self._root}",
        )

    def _absent(self, key: SysctlKey) -> bool:
        """Whether an absent key is one that the host has."""
        if key.parts[0] != "net" or not self.hides_host_keys:
            return False
        tunable = catalog.find(key)
        return tunable is not None and not tunable.removed and tunable.scope in _HOST_SCOPES

    def _unopened(self, key: SysctlKey, number: int) -> Reading:
        if number == errno.ELOOP:
            raise self._leads_out(key, f"/{key.path}")
        if number in _NO_SUCH_FILE:
            return Elsewhere() if self._absent(key) else Missing()
        if number in (errno.EMFILE, errno.ENFILE):
            return Denied(Cause.NO_DESCRIPTOR, number)
        if number in (errno.EACCES, errno.EPERM):
            unreadable = not _mode(self._path(key)) & _READ_BITS
            return Denied(Cause.WRITE_ONLY if unreadable else Cause.NOT_PERMITTED, number)
        return Denied(Cause.REFUSED, number)

    def _unwritable(self, key: SysctlKey, number: int) -> WriteRefused:
        if number == errno.ELOOP:
            raise self._leads_out(key, f"/{key.path}")
        cause = _OPEN_CAUSES.get(number, Cause.REFUSED)
        if number in _NO_SUCH_FILE:
            cause = Cause.ELSEWHERE if self._absent(key) else Cause.MISSING
        elif number == errno.EACCES and not _mode(self._path(key)) & _WRITE_BITS:
            tunable = catalog.find(key)
            shown_only = tunable is not None and tunable.scope is Scope.HOST_VISIBLE
            elsewhere = shown_only and self.hides_host_keys
            cause = Cause.ELSEWHERE if elsewhere else Cause.READ_ONLY_KEY
        return refused(cause, key=str(key), errno=number)


_HOST_SCOPES = (Scope.HOST, Scope.HOST_VISIBLE)

_OPEN_CAUSES = {
    errno.EACCES: Cause.NOT_PERMITTED,
    errno.EPERM: Cause.NOT_PERMITTED,
    errno.EROFS: Cause.READ_ONLY_FILESYSTEM,
    errno.EMFILE: Cause.NO_DESCRIPTOR,
    errno.ENFILE: Cause.NO_DESCRIPTOR,
}

_WRITE_CAUSES = {
    errno.ENOENT: Cause.NO_SUCH_VALUE,
    errno.EINVAL: Cause.OUT_OF_RANGE,
    errno.ERANGE: Cause.OUT_OF_RANGE,
    errno.EACCES: Cause.NOT_PERMITTED,
    errno.EPERM: Cause.NOT_PERMITTED,
}


def _write_whole(descriptor: int, data: bytes, key: SysctlKey) -> None:
    try:
        count = os.write(descriptor, data)
    except OSError as error:
        number = _number(error)
        cause = _WRITE_CAUSES.get(number, Cause.REFUSED)
        message = hint = ""
        if cause is Cause.NOT_PERMITTED:
            # The file could be opened, so that this is not the file's mode.
            message = "opened for writing, but the write is not permitted"
            hint = (
                "the key asks for a capability of its own (see capabilities(7)), "
                "or a cgroup's BPF program forbids it"
            )
        raise refused(cause, key=str(key), errno=number, message=message, hint=hint) from error
    if count != len(data):
        raise refused(
            Cause.TOO_MANY_FIELDS,
            key=str(key),
            message=f"the kernel took only the first {count} of {len(data)} bytes",
        )


def _is_ports(key: SysctlKey) -> bool:
    tunable = catalog.find(key)
    return tunable is not None and tunable.kind is Kind.PORTS


def _port_chunks(data: bytes) -> list[bytes]:
    # Cut at commas: kernels before 5.2 took a number that a write cut in two for two numbers.
    chunks = []
    while len(data) > _PORTS_PER_WRITE:
        cut = data.rfind(b",", 0, _PORTS_PER_WRITE + 1)
        if cut < 1:
            break
        chunks.append(data[:cut])
        data = data[cut + 1 :]
    chunks.append(data)
    return chunks


def _unread(number: int) -> Reading:
    if number == errno.EISDIR:
        return Missing()
    if number == errno.EIO:
        return Denied(Cause.NOT_SET, number)
    if number in (errno.EACCES, errno.EPERM):
        return Denied(Cause.NOT_PERMITTED, number)
    return Denied(Cause.REFUSED, number)


def _number(error: OSError) -> int:
    return error.errno if error.errno is not None else 0


def _exists(path: str) -> bool:
    try:
        os.lstat(path)
    except OSError:
        return False
    return True


def _mode(path: str) -> int:
    try:
        return os.lstat(path).st_mode
    except OSError:
        # Gone in the meantime; every bit set keeps the errno's own meaning.
        return _READ_BITS | _WRITE_BITS
