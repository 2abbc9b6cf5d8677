"""The resource limits of a systemd unit: what its files say, and what the manager's say.

The values are those of rlimit_parse in src/basic/rlimit-util.c of systemd 252, the default of
LimitNOFILE= that of src/core/main.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tunekit.files.limits_d import UNLIMITED, Side
from tunekit.files.model import Origin
from tunekit.files.root import Root
from tunekit.files.unit_files import Statement, UnitFiles, find_unit, manager_files, statements

DEFAULT_SOFT, DEFAULT_HARD = 1024, 524_288
"""nofile of a unit that says nothing, where fs.nr_open allows as many. The soft limit is low on
purpose, for programs that still use select(2).
"""
_MEMLOCK = 8 << 20

_SECTIONS = frozenset({"Service", "Socket", "Mount", "Swap"})
_BYTES = frozenset({"fsize", "data", "stack", "core", "rss", "as", "memlock", "msgqueue"})
_COUNTS = frozenset({"nofile", "nproc", "locks", "sigpending", "rtprio"})
NAMES = _BYTES | _COUNTS | {"cpu", "rttime", "nice"}
_LARGEST = (1 << 64) - 1

_COUNT = re.compile(r"\s*\+?(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+)|(0|[1-9][0-9]*))\Z")
_SIZE = re.compile(r"\s*\+?([0-9]+)(\.[0-9]+)?\s*([EPTGMKB]?)")
_TIME = re.compile(r"\s*\+?([0-9]+)(\.[0-9]+)?\s*([a-zA-Z]*)")
_POWERS = {unit: 1024**power for power, unit in enumerate("KMGTPE", 1)} | {"B": 1, "": 1}
_MICROSECONDS = (
    (("us", "usec"), 1),
    (("ms", "msec"), 1000),
    (("s", "sec", "second", "seconds"), 10**6),
    (("m", "min", "minute", "minutes"), 60 * 10**6),
    (("h", "hr", "hour", "hours"), 3600 * 10**6),
    (("d", "day", "days"), 86_400 * 10**6),
    (("w", "week", "weeks"), 7 * 86_400 * 10**6),
    (("M", "month", "months"), 2_629_800 * 10**6),
    (("y", "year", "years"), 31_557_600 * 10**6),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BadValue:
    """A limit that systemd complains about in its log and passes over."""

    name: str
    value: str
    why: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitLimits:
    """The limits of a unit at its next start, each as soft and hard.

    What is not in `limits` is that of process 1 when the host booted. `pam` is the PAM service of
    the session that the unit opens (`PAMName=`), empty for none, and `user` whom it runs as.
    """

    files: UnitFiles
    limits: Mapping[str, tuple[Side, Side]] = field(default_factory=dict)
    bad: tuple[BadValue, ...] = ()
    pam: str = ""
    user: str = ""


def read_unit(root: Root, name: str, *, nr_open: int | None) -> UnitLimits:
    """Read what a unit and the manager's configuration say of its limits."""
    files = find_unit(root, name)
    defaults, bad = _merged(
        _said(root, manager_files(root), frozenset({"Manager"}), "DefaultLimit"), nr_open
    )
    own, more = _merged(_said(root, files.all, _SECTIONS, "Limit"), nr_open)
    service = {each.key: each.value for each in _read(root, files.all) if each.section == "Service"}
    return UnitLimits(
        files=files,
        limits={**built_in(nr_open), **defaults, **own},
        bad=(*bad, *more),
        pam=service.get("PAMName", ""),
        user=service.get("User", ""),
    )


def built_in(nr_open: int | None) -> dict[str, tuple[Side, Side]]:
    """What systemd gives a unit by itself."""
    origin = Origin(file="systemd's default")
    hard = DEFAULT_HARD if nr_open is None else min(DEFAULT_HARD, nr_open)
    memlock = Side(value=_MEMLOCK, origin=origin)
    return {
        "nofile": (Side(value=DEFAULT_SOFT, origin=origin), Side(value=hard, origin=origin)),
        "memlock": (memlock, memlock),
    }


def _read(root: Root, files: Iterable[str]) -> Iterator[Statement]:
    for file in files:
        yield from statements(root.read(file) or "", file)


def _said(
    root: Root, files: Iterable[str], sections: frozenset[str], prefix: str
) -> Iterator[tuple[str, Statement]]:
    for each in _read(root, files):
        name = each.key.removeprefix(prefix).lower()
        if each.section in sections and each.key == f"{prefix}{name.upper()}" and name in NAMES:
            yield name, each


def _merged(
    said: Iterable[tuple[str, Statement]], nr_open: int | None
) -> tuple[dict[str, tuple[Side, Side]], list[BadValue]]:
    """The last good statement of each name wins; a bad one is passed over."""
    found: dict[str, tuple[Side, Side]] = {}
    bad: list[BadValue] = []
    for name, each in said:
        try:
            soft, hard = parse_value(name, each.value)
        except ValueError as error:
            bad.append(BadValue(name=name, value=each.value, why=str(error), origin=each.origin))
            continue
        found[name] = _side(name, soft, each, nr_open), _side(name, hard, each, nr_open)
    return found, bad


def _side(name: str, value: int, said: Statement, nr_open: int | None) -> Side:
    unlimited = value == UNLIMITED
    if unlimited and name == "nofile" and nr_open is not None:
        # What the kernel refuses is asked for again with the manager's own hard limit, which is
        # fs.nr_open (setrlimit_closest in src/basic/rlimit-util.c).
        value = nr_open
    return Side(value=value, origin=said.origin, unlimited=unlimited)


def parse_value(name: str, text: str) -> tuple[int, int]:
    """Read `VALUE` or `SOFT:HARD` in the kernel's unit, -1 for infinity. Raises ValueError."""
    soft_text, colon, hard_text = text.partition(":")
    soft = _one(name, soft_text)
    hard = _one(name, hard_text) if colon else soft
    if hard != UNLIMITED and (soft == UNLIMITED or soft > hard):
        raise ValueError("the soft limit is above the hard one")
    return soft, hard


def _one(name: str, text: str) -> int:
    if name == "nice":
        return _nice(text)
    if text == "infinity":
        return UNLIMITED
    if name in _BYTES:
        return _size(text)
    if name in ("cpu", "rttime"):
        unit = 10**6 if name == "cpu" else 1
        microseconds = _time(text, unit)
        return -(-microseconds // unit)
    return _count(text)


def _count(text: str) -> int:
    match = _COUNT.match(text)
    if match is None:
        raise ValueError("not a number")
    # strtoul(3) of base 0: a leading zero makes it octal.
    bases = zip(match.groups(), (16, 8, 2, 10), strict=True)
    value = next(int(digits, base) for digits, base in bases if digits is not None)
    return _fitting(value)


def _fitting(value: int) -> int:
    if value >= _LARGEST:
        raise ValueError("too large a number")
    return value


def _size(text: str) -> int:
    total, position = 0, 0
    while match := _SIZE.match(text, position):
        whole, fraction, unit = match.groups()
        factor = _POWERS[unit]
        total += int(whole) * factor + (int(float(f"0{fraction}") * factor) if fraction else 0)
        position = match.end()
    if not position or position != len(text):
        raise ValueError("not a size such as 64M")
    return _fitting(total)


def _time(text: str, unit: int) -> int:
    units = {name: factor for names, factor in _MICROSECONDS for name in names} | {"": unit}
    total, position = 0, 0
    while match := _TIME.match(text, position):
        whole, fraction, name = match.groups()
        if name not in units:
            raise ValueError(f"{name!r} is not a unit of time")
        if int(whole) >= 1 << 63:
            raise ValueError("too long a time")
        total += int(whole) * units[name]
        total += int(float(f"0{fraction}") * units[name]) if fraction else 0
        position = match.end()
    if not position or position != len(text):
        raise ValueError("not a time such as 30s")
    return _fitting(total)


def _nice(text: str) -> int:
    sign = text[:1] if text[:1] in ("+", "-") else ""
    digits = text[len(sign) :]
    if not digits.isdigit():
        raise ValueError("not a nice level such as +5 or -5")
    number = int(digits)
    if sign:
        level = -number if sign == "-" else number
        if not -20 <= level <= 19:
            raise ValueError("a nice level is -20 to 19")
        return 20 - level
    if number > 40:
        raise ValueError("a raw nice limit is at most 40")
    return number
