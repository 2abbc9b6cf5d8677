"""Keys on the kernel command line: `sysctl.KEY=VALUE` (Linux 5.8).

The kernel writes them before the first process starts (do_sysctl_args in fs/proc/proc_sysctl.c),
so that every file of sysctl.d comes later. It swaps nothing: each dot is a slash.
"""

from __future__ import annotations

from collections.abc import Iterator

from tunekit.files.model import Assignment, Origin, Writer

PLACE = "/proc/cmdline"


def parse(text: str, file: str = PLACE) -> Iterator[Assignment]:
    """Read the command line of a kernel. Pure."""
    for word in _words(text):
        if word == "--":
            # What follows is for init.
            return
        name, equals, value = word.partition("=")
        if name[:7] in ("sysctl.", "sysctl/") and equals and value:
            yield Assignment(
                path=name[7:].replace(".", "/"),
                value=value,
                origin=Origin(file=file),
                writer=Writer.KERNEL,
            )


def _words(text: str) -> Iterator[str]:
    """Split at blanks outside of double quotes, as next_arg in lib/cmdline.c does."""
    word, quoted = "", False
    for char in [*text.rstrip("\n"), " "]:
        if char == '"':
            quoted = not quoted
        elif char.isspace() and not quoted:
            if word:
                yield word
            word = ""
        else:
            word += char
    if word:
        yield word.rstrip()
