"""What came back from the kernel: never None for two meanings."""

from __future__ import annotations

from enum import Enum

from tunekit.records import dataclass


class Cause(Enum):
    """Why the kernel refused, told apart by the system call that failed and its errno."""

    MISSING = "missing"
    """ENOENT from open: this kernel has no such key, or its module is not loaded."""
    ELSEWHERE = "elsewhere"
    """ENOENT from open for a host key, inside a child network namespace."""
    NOT_PERMITTED = "not permitted"
    """EACCES or EPERM, from open or from write."""
    READ_ONLY_KEY = "read-only key"
    """EACCES from open although the caller may write other keys: nobody may write this one."""
    READ_ONLY_FILESYSTEM = "read-only file system"
    """EROFS from open: /proc/sys is mounted read-only, as in a container."""
    WRITE_ONLY = "write-only"
    """No read bit on the file: the key is a trigger."""
    NOT_SET = "not set"
    """EIO from read: the key has no value yet, such as stable_secret."""
    NO_SUCH_VALUE = "no such value"
    """ENOENT from write: the key exists, the name written to it does not."""
    OUT_OF_RANGE = "out of range"
    """EINVAL or ERANGE from write."""
    TOO_MANY_FIELDS = "too many fields"
    """A short count from write: the kernel took the first fields and left the rest."""
    NO_DESCRIPTOR = "no descriptor"
    """EMFILE or ENFILE from open."""
    REFUSED = "refused"
    """Any other errno."""


@dataclass(frozen=True, slots=True)
class Value:
    """The whole text of the file, without the newline at its end."""

    text: str


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such key here."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The key is there and cannot be read."""

    cause: Cause
    errno: int


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A host key that this network namespace does not show."""


Reading = Value | Missing | Denied | Elsewhere
