"""What a sysctl key and a sysctl value are: parse, canonicalise, compare, format.

Keys follow sysctl.d(5). Values follow the kernel's own parsers (kernel/sysctl.c), so that two
texts are equal here exactly when the kernel would store the same thing for both.
"""

from __future__ import annotations

import re
from enum import Enum
from fnmatch import fnmatchcase

from tunekit.errors import InvalidKey, InvalidValue
from tunekit.records import dataclass

_UNPRINTABLE = r"[\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff]"
_GLOB = re.compile(r"[*?\[]")
MAX_KEY_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class SysctlKey:
    """A key below /proc/sys, as its path components.

    The text form swaps dots and slashes when its first separator is a dot, as sysctl.d(5) says:
    `net.ipv4.conf.eth0/100.forwarding` is the path `net/ipv4/conf/eth0.100/forwarding`.
    """

    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> SysctlKey:
        """Read a key in either form.

        Raises InvalidKey for what could not be a file below /proc/sys, before any file is touched:
        NUL and other control characters, blanks, `..`, `.`, empty components, a leading `/`.
        """
        # Compiling the pattern takes longer than all else here, and next to no key needs it.
        suspect = " " in text or not text.isprintable()
        if suspect and (bad := re.search(_UNPRINTABLE, text)):
            raise InvalidKey(
                f"a key cannot hold {bad.group()!r}", key=_shown(text), hint="write a.b.c or a/b/c"
            )
        if len(text) > MAX_KEY_LENGTH:
            raise InvalidKey(
                f"longer than {MAX_KEY_LENGTH} characters",
                key=_shown(text),
                hint="a key is at most that",
            )
        separator = re.search(r"[./]", text)
        if separator is None:
            raise InvalidKey(
                "not a sysctl key: no dot and no slash in it",
                key=_shown(text),
                hint="write the whole name, such as net.core.somaxconn",
            )
        path = text.translate(_SWAP) if separator.group() == "." else text
        parts = tuple(path.split("/"))
        for part in parts:
            if part in ("", ".", ".."):
                raise InvalidKey(
                    f"a key cannot have {part!r} as a component" if part else "an empty component",
                    key=_shown(text),
                    hint="a key names one file below /proc/sys",
                )
        return cls(parts)

    @property
    def path(self) -> str:
        """The path below /proc/sys."""
        return "/".join(self.parts)

    def __str__(self) -> str:
        return ".".join(part.replace(".", "/") for part in self.parts)

    def matches(self, pattern: str) -> bool:
        """Tell whether the dotted form matches a glob, where `*` does not cross a dot."""
        wanted = pattern.split(".")
        own = str(self).split(".")
        return len(wanted) == len(own) and all(map(fnmatchcase, own, wanted))


_SWAP = str.maketrans("./", "/.")


def _shown(text: str) -> str:
    text = text if len(text) <= 80 else text[:77] + "..."
    return text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text


def is_glob(text: str) -> bool:
    """Tell whether a text is a pattern rather than a key."""
    return _GLOB.search(text) is not None


class Kind(Enum):
    """How a value's text is to be read."""

    NUMBERS = "numbers"
    """One integer or more, separated by white space."""
    PORTS = "ports"
    """A set of ports, such as `8080,9000-9100`."""
    TEXT = "text"
    """Taken as it is."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A scalar (one field) or a vector of integers."""

    fields: tuple[int, ...]

    def __str__(self) -> str:
        return " ".join(map(str, self.fields))


@dataclass(frozen=True, slots=True)
class Ports:
    """A set of ports as sorted, disjoint, non-adjacent inclusive ranges."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, ranges: list[tuple[int, int]]) -> Ports:
        """Merge ranges in any order into the canonical form that the kernel prints."""
        merged: list[tuple[int, int]] = []
        for low, high in sorted(ranges):
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        return cls(tuple(merged))

    def __str__(self) -> str:
        return ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in self.ranges)

    def union(self, other: Ports) -> Ports:
        """Every port of either set."""
        return Ports.of([*self.ranges, *other.ranges])

    def intersection(self, other: Ports) -> Ports:
        """Every port of both sets."""
        return Ports.of(
            [
                (max(a, c), min(b, d))
                for a, b in self.ranges
                for c, d in other.ranges
                if max(a, c) <= min(b, d)
            ]
        )

    def count(self) -> int:
        """The number of ports."""
        return sum(high - low + 1 for low, high in self.ranges)


@dataclass(frozen=True, slots=True)
class Text:
    """A string value, such as the name of a congestion control."""

    text: str

    def __str__(self) -> str:
        return self.text


SysctlValue = Numbers | Ports | Text

# A token of 21 characters or more is EINVAL (TMPBUFLEN in kernel/sysctl.c); a sign counts. So is
# what does not fit in an unsigned long (strtoul_lenient).
_NUMBER = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|[0-9]+)\Z")
_MAX_TOKEN = 20
_MAX_MAGNITUDE = 2**64 - 1
_KERNEL_BLANKS = re.compile(r"[ \t\n]+")
_PORT_RANGE = re.compile(r"([0-9][0-9a-fA-FxX]*)(?:-([0-9][0-9a-fA-FxX]*))?\Z")
_TEXT_END = re.compile(r"[\n\0]")


def parse(text: str, kind: Kind) -> SysctlValue:
    """Read a value's text as the kernel would.

    Numbers are decimal, octal after a leading 0 and hexadecimal after 0x (strtoul_lenient).
    Raises InvalidValue for what the kernel answers with EINVAL whatever the key's range.
    """
    if kind is Kind.TEXT:
        return Text(_TEXT_END.split(text, maxsplit=1)[0])
    if kind is Kind.PORTS:
        return _parse_ports(text)
    tokens = [token for token in _KERNEL_BLANKS.split(text) if token]
    if not tokens:
        raise InvalidValue("no number in it", hint="write an integer")
    return Numbers(tuple(_parse_number(token) for token in tokens))


def guess(text: str) -> SysctlValue:
    """Read the value of a key that the catalogue does not know: numbers if all of it is."""
    try:
        return parse(text, Kind.NUMBERS)
    except InvalidValue:
        return parse(text, Kind.TEXT)


def _parse_number(token: str) -> int:
    if len(token) > _MAX_TOKEN or not _NUMBER.match(token):
        raise InvalidValue(f"{_shown(token)!r} is not an integer", hint="write decimal digits only")
    sign, digits = (-1, token[1:]) if token[0] == "-" else (1, token)
    if digits[:2] in ("0x", "0X"):
        magnitude = int(digits, 16)
    elif digits[0] == "0":
        try:
            magnitude = int(digits, 8)
        except ValueError:
            raise InvalidValue(
                f"{token!r} is not an octal number, which its leading zero makes of it",
                hint="drop the leading zero",
            ) from None
    else:
        magnitude = int(digits)
    if magnitude > _MAX_MAGNITUDE:
        raise InvalidValue(f"{token!r} does not fit in 64 bits", hint="write a smaller number")
    return sign * magnitude


def _parse_ports(text: str) -> Ports:
    # An empty list reads as a lone newline; one comma at the end is nothing (proc_do_large_bitmap).
    items = text.strip("\n").removesuffix(",").split(",")
    if items == [""] and "," not in text:
        return Ports(())
    ranges = []
    for item in items:
        match = _PORT_RANGE.match(item)
        if not match:
            raise InvalidValue(
                f"{_shown(item)!r} is not a port or a range of ports",
                hint="write a list such as 8080,9000-9100 without blanks",
            )
        low = _parse_number(match[1])
        high = _parse_number(match[2]) if match[2] else low
        if low > high or high > 65535:
            raise InvalidValue(
                f"{_shown(item)!r} is not a range within 0-65535",
                hint="write the lower port first",
            )
        ranges.append((low, high))
    return Ports.of(ranges)


def written_form(value: SysctlValue) -> str:
    """The text that goes to the kernel: canonical decimal, never octal by accident.

    An empty port set becomes a newline, since an empty write does nothing.
    """
    return str(value) or "\n"
