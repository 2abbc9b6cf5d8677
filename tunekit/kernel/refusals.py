"""Why the kernel refused a write, in words, and what to do about each cause."""

from __future__ import annotations

import os

from tunekit.errors import TunekitError
from tunekit.kernel.readings import Cause


class WriteRefused(TunekitError):
    """The kernel did not take a value, or not all of it.

    `cause` tells which of the refusals it was, `errno` what the system call said (None for a
    short count). A vector may have been stored up to the field that was refused.
    """

    def __init__(
        self, message: str, *, cause: Cause, hint: str = "", key: str = "", errno: int | None = None
    ) -> None:
        super().__init__(message, hint=hint, key=key, errno=errno)
        self.cause = cause


def words(cause: Cause) -> tuple[str, str]:
    """Return what a refusal means and what to do about it, as two texts without a full stop."""
    return _WORDS[cause]


def refused(
    cause: Cause, *, key: str, errno: int | None = None, message: str = "", hint: str = ""
) -> WriteRefused:
    """Build the error for a refused write, with the usual words where none are given."""
    usual_message, usual_hint = _WORDS[cause]
    if not message:
        message = usual_message
        if cause is Cause.REFUSED and errno is not None:
            message += f": {os.strerror(errno)}"
    return WriteRefused(message, cause=cause, key=key, errno=errno, hint=hint or usual_hint)


_WORDS = {
    Cause.MISSING: (
        "this kernel has no such key",
        "check the name; the key may need a kernel module or another kernel",
    ),
    Cause.ELSEWHERE: (
        "belongs to the host and cannot be set in this network namespace",
        "set it on the host, outside the container or namespace",
    ),
    Cause.NOT_PERMITTED: (
        "not permitted",
        "run as root; in a container or user namespace, set it on the host",
    ),
    Cause.READ_ONLY_KEY: (
        "the kernel lets nobody write this key",
        "drop it from what is to be set",
    ),
    Cause.READ_ONLY_FILESYSTEM: (
        "/proc/sys is mounted read-only here",
        "set it on the host, or let the container's runtime set it",
    ),
    Cause.WRITE_ONLY: (
        "can only be written: it is a trigger, not a setting",
        "drop it from what is to be read",
    ),
    Cause.NOT_SET: (
        "has no value yet",
        "nothing to do: it reads as an error until it is first written",
    ),
    Cause.NO_SUCH_VALUE: (
        "the kernel knows the key and not the name written to it",
        "load the module that provides the name, or choose one that is available",
    ),
    Cause.OUT_OF_RANGE: (
        "the kernel refuses the value",
        "choose a value within the key's range on this kernel",
    ),
    Cause.TOO_MANY_FIELDS: (
        "the kernel took only the beginning of the value",
        "give as many fields as the key has",
    ),
    Cause.NO_DESCRIPTOR: (
        "no file descriptor left to open it with",
        "raise the open files limit (ulimit -n) or close files, and try again",
    ),
    Cause.REFUSED: ("the kernel refused", "see the kernel log (dmesg) for more"),
}
