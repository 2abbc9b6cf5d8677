"""What pam_limits gives a session: limits.conf and limits.d, read as it reads them.

pam_limits(8) acts on sessions that PAM opens (login, sshd, su, cron), never on a systemd service
unless that has `PAMName=`. The rules are those of parse_config_file, process_limit and
setup_limits in modules/pam_limits/pam_limits.c, of Linux-PAM 1.5.2, with what Debian changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from tunekit.files.model import Origin
from tunekit.files.root import Root
from tunekit.kernel.accounts import Person

MAIN_FILE = "/etc/security/limits.conf"
FOLDER = "/etc/security/limits.d"

UNLIMITED = -1
_INFINITY = (1 << 64) - 1
_FD_SETSIZE = 1024
_LINE_LENGTH = 1023
_BLANKS = " \t\n\v\f\r"
_UNLIMITED_WORDS = frozenset({"-1", "-", "unlimited", "infinity"})
_NUMBER = re.compile(r"\s*([+-]?)([0-9]+)")
_UINT = re.compile(r"\+?[0-9]+")
FACTORS = {"cpu": 60} | dict.fromkeys(
    ("fsize", "data", "stack", "core", "rss", "memlock", "as"), 1024
)
"""The units of its files, in those of the kernel: minutes and KiB; others are the same."""
ITEMS = frozenset(
    {*FACTORS, "nproc", "nofile", "locks", "sigpending", "msgqueue", "nice", "rtprio"}
)
"""The resource limits that it knows; `rttime` is not among them."""


class _Rank(IntEnum):
    """How specific a line is. A line sets what no more specific one has set."""

    USER = 0
    GROUP = 1
    DEFAULT = 4
    START = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a limits file.

    `kind` is `soft`, `hard` or `-` for both. `item` is empty for a line `DOMAIN -`, which spares
    whom it names all limits.
    """

    domain: str
    kind: str
    item: str
    value: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """A line that pam_limits complains about in the log and passes over."""

    text: str
    why: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A soft or a hard limit, and the line that it came from.

    `value` is -1 for unlimited, None where it cannot be told. `unlimited` says that the line had a
    word for no limit: for nofile its value is fs.nr_open.
    """

    value: int | None
    origin: Origin
    unlimited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The limits that a session is given, each as soft and hard.

    With `spared`, the line that spares this user, it keeps those of the program that opens it.
    `refused` are what the kernel refuses, above fs.nr_open: on Debian the session goes on with what
    its opener had, elsewhere nobody gets in.
    """

    limits: Mapping[str, tuple[Side, Side]] = field(default_factory=dict)
    spared: Origin | None = None
    refused: Mapping[str, tuple[Side, Side]] = field(default_factory=dict)


def read_lines(root: Root, *, conf: str = "") -> tuple[Line | BadLine, ...]:
    """Read limits.conf and then limits.d in the order of the C locale.

    `conf` is the module's argument of that name: that file alone is read.
    """
    files = [conf or MAIN_FILE]
    if not conf:
        # glob(3) of *.conf passes over hidden files.
        files += [
            f"{FOLDER}/{name}"
            for name in sorted(root.names(FOLDER), key=lambda name: name.encode(errors="replace"))
            if name.endswith(".conf") and not name.startswith(".")
        ]
    return tuple(line for file in files for line in parse(root.read(file) or "", file))


def parse(text: str, file: str) -> Iterator[Line | BadLine]:
    """Read the lines of a file. Pure."""
    for number, whole in enumerate(text.split("\n"), 1):
        # fgets(3) of 1024 takes the rest of a longer line for another one; a C string ends at NUL.
        for start in range(0, max(len(whole), 1), _LINE_LENGTH):
            piece = whole[start : start + _LINE_LENGTH].split("\0", 1)[0]
            line = piece.lstrip(_BLANKS).split("#", 1)[0]
            if line:
                yield _parse_line(line, Origin(file=file, line=number))


def _parse_line(line: str, origin: Origin) -> Line | BadLine:
    words = line.split(maxsplit=4)[:4]
    if words and ":" in words[0] and _span(words[0]) is None:
        return BadLine(text=line, why="not a range of ids", origin=origin)
    if len(words) == 2 and words[1].startswith("-"):
        return Line(domain=words[0], kind="-", item="", value="", origin=origin)
    if len(words) != 4:
        why = f"{len(words)} words instead of a domain, a type, an item and a value"
        return BadLine(text=line, why=why, origin=origin)
    domain, kind, item, value = words
    kind, item, value = kind.lower(), item.lower(), value.lower()
    if item in ITEMS:
        if kind not in ("soft", "hard", "-"):
            return BadLine(text=line, why=f"{kind!r} is not soft, hard or -", origin=origin)
        if _number(item, value) is None:
            return BadLine(text=line, why=f"{value!r} is no number", origin=origin)
    return Line(domain=domain, kind=kind, item=item, value=value, origin=origin)


def _span(domain: str) -> tuple[int, int | None] | None:
    """The ids of `LOW:HIGH`, `LOW:` (no end) or `:ONE`; None where it is none of these."""
    low, _, high = domain.lstrip("@%").partition(":")
    if any(text and not _UINT.fullmatch(text) for text in (low, high)) or not (low or high):
        return None
    if not low:
        return int(high), int(high)
    return int(low), int(high) if high else None


def _number(item: str, value: str) -> int | None:
    """The value of an item in the kernel's unit, -1 for unlimited; None where it is passed over."""
    if value in _UNLIMITED_WORDS and item != "nice":
        return UNLIMITED
    match = _NUMBER.match(value)
    if match is None:
        return None
    number = int(match[2])
    if item == "nice":
        return 20 - max(-20, min(19, -number if match[1] == "-" else number))
    # strtoull(3): a negative number wraps, a large one sticks at the end.
    number = min((1 << 64) - number if match[1] == "-" else number, _INFINITY)
    factor = FACTORS.get(item, 1)
    if number >= _INFINITY // factor:
        return UNLIMITED
    return number * factor


def session(
    lines: Sequence[Line | BadLine],
    person: Person,
    start: Mapping[str, tuple[Side, Side]],
    *,
    nr_open: int | None,
    debian: bool,
) -> Session:
    """Work out what a session of somebody gets. Pure.

    `start` is what it begins with before a line is read: on Debian the limits of process 1 (see
    `debian_start`), elsewhere those of the program that opens it. What is not in it is unknown.
    `nr_open` None is not known: what is unlimited then stays so. On Debian no line but one with
    its own name or id is for root.
    """
    sides = {item: list(pair) for item, pair in start.items()}
    ranks = {item: [_Rank.START, _Rank.START] for item in start}
    for line in lines:
        if isinstance(line, BadLine):
            continue
        if not line.item:
            if _is_for(line.domain, person) is not None and line.domain != "*":
                return Session(spared=line.origin)
            continue
        rank = _is_for(line.domain, person)
        if rank is None or line.item not in ITEMS:
            continue
        if debian and person.uid == 0 and rank is not _Rank.USER:
            continue
        _set(sides, ranks, line, rank, nr_open)
    return _granted(sides, nr_open)


def _is_for(domain: str, person: Person) -> _Rank | None:
    if domain == person.name:
        return _Rank.USER
    if domain.startswith("%"):
        # For the number of logins alone.
        return None
    if ":" not in domain:
        if domain == "*":
            return _Rank.DEFAULT
        return _Rank.GROUP if domain.startswith("@") and domain[1:] in person.groups else None
    span = _span(domain)
    if span is None:
        return None
    low, high = span
    group = domain.startswith("@")
    if group and domain[1:].startswith(":"):
        return _Rank.GROUP if low in person.gids else None
    # A range of groups looks at the primary one alone.
    own = person.gid if group else person.uid
    if own < low or (high is not None and own > high):
        return None
    return _Rank.GROUP if group else _Rank.USER


def _set(
    sides: dict[str, list[Side]],
    ranks: dict[str, list[_Rank]],
    line: Line,
    rank: _Rank,
    nr_open: int | None,
) -> None:
    number = _number(line.item, line.value)
    if number is None:
        return
    unlimited = number == UNLIMITED
    if unlimited and line.item == "nofile" and nr_open is not None:
        number = nr_open
    side = Side(value=number, origin=line.origin, unlimited=unlimited)
    have = ranks.setdefault(line.item, [_Rank.START, _Rank.START])
    pair = sides.setdefault(line.item, [_UNKNOWN, _UNKNOWN])
    for index, kind in enumerate(("soft", "hard")):
        if line.kind not in (kind, "-"):
            continue
        if have[index] < rank:
            # process_limit returns here, so that a line for both leaves the hard one, too.
            return
        pair[index], have[index] = side, rank


_UNKNOWN = Side(value=None, origin=Origin(file="the program that opens the session"))


def _granted(sides: Mapping[str, Sequence[Side]], nr_open: int | None) -> Session:
    limits: dict[str, tuple[Side, Side]] = {}
    refused: dict[str, tuple[Side, Side]] = {}
    for item, (soft, hard) in sides.items():
        if _exceeds(soft.value, hard.value):
            # setup_limits cuts the soft limit to the hard one.
            soft = hard
        above = item == "nofile" and _exceeds(hard.value, nr_open)
        (refused if above else limits)[item] = (soft, hard)
    return Session(limits=limits, refused=refused)


def _exceeds(value: int | None, ceiling: int | None) -> bool:
    """Tell whether one limit is above another, where -1 is above all and None is no ceiling."""
    if value is None or ceiling is None or ceiling == UNLIMITED:
        return False
    return value == UNLIMITED or value > ceiling


def debian_start(
    of_process_1: Mapping[str, tuple[int, int]],
) -> dict[str, tuple[Side, Side]]:
    """What Debian's pam_limits begins with: the limits of process 1, by their short names.

    The soft nofile is cut to 1024 (FD_SETSIZE), since systemd has a large one for itself.
    """
    origin = Origin(file="/proc/1/limits")
    start = {}
    for item, (soft, hard) in of_process_1.items():
        if item not in ITEMS:
            continue
        if item == "nofile" and (soft == UNLIMITED or soft > _FD_SETSIZE):
            soft = _FD_SETSIZE
        start[item] = (Side(value=soft, origin=origin), Side(value=hard, origin=origin))
    return start


def is_debian(root: Root) -> bool:
    """Tell whether a system has Debian's pam_limits, by its os-release(5)."""
    text = root.read("/etc/os-release") or root.read("/usr/lib/os-release") or ""
    words = re.findall(r"^ID(?:_LIKE)?=[\"']?([^\"'\n]*)", text, re.MULTILINE)
    return "debian" in " ".join(words).split()
