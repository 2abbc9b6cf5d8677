"""Reading what another tool's file sets, line by line, for a profile to be made of it.

Pure: the text comes in. What a line means for a profile is judged by who calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from tunekit.files import sysctl_d, tuned_conf
from tunekit.files.exchange import (
    ALLOW,
    CONNECTIONS,
    DEMAND,
    LIMIT,
    NAME,
    NOT_CARRIED,
    SOURCE,
    SUMMARY,
    LeftOut,
)
from tunekit.files.model import Assignment, Only, Reader

_OWN = "tunekit "
_LONGEST_REASON = 300


class Form(Enum):
    """What kind of file it is."""

    SYSCTL_D = "sysctl.d"
    SYSCTL_CONF = "sysctl.conf"
    TUNED = "tuned"
    SYSCTL_A = "sysctl-a"
    """What `sysctl -a` prints: every key that there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One key that the file sets, with what the comments above it say.

    `demand` is what an export of tunekit's own wrote down of the profile, empty elsewhere; with
    `only` TuneD writes the value or not by what is there.
    """

    path: str
    value: str
    place: str
    optional: bool = False
    reason: str = ""
    source: str = ""
    demand: str = ""
    only: Only | None = None


@dataclass(slots=True, kw_only=True)
class Remembered:
    """What comments of an export say of the profile as a whole."""

    name: str = ""
    summary: str = ""
    limits: dict[str, str] = field(default_factory=dict)
    connections: str = ""
    allow: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a file says, the last line of each key, and what could not be taken from it."""

    lines: tuple[Line, ...]
    remembered: Remembered
    left_out: tuple[LeftOut, ...] = ()


def guess(text: str) -> Form:
    """Tell a file of TuneD, which has sections, from one for sysctl."""
    return Form.TUNED if tuned_conf.has_sections(text) else Form.SYSCTL_D


def read(text: str, file: str, form: Form) -> Imported:
    """Read the text of a file."""
    left_out: list[LeftOut] = []
    last: dict[str, Line] = {}
    comments = _Comments(text)
    for assignment in _assignments(text, file, form, left_out):
        place = str(assignment.origin)
        key = assignment.path.replace("/", ".")
        if why := _why_not(assignment):
            left_out.append(LeftOut(place=place, what=key, why=why))
            continue
        if earlier := last.pop(assignment.path, None):
            why = f"set again in line {assignment.origin.line}, which wins"
            left_out.append(LeftOut(place=earlier.place, what=key, why=why))
        above = comments.above(assignment.origin.line)
        last[assignment.path] = Line(
            path=assignment.path,
            value=assignment.value or "",
            place=place,
            optional=assignment.optional,
            reason=_reason(above),
            source=_after(SOURCE, above),
            demand=_after(DEMAND, above),
            only=assignment.only,
        )
    return Imported(
        lines=tuple(last.values()),
        remembered=_remembered(comments.all()),
        left_out=tuple(left_out),
    )


def _assignments(text: str, file: str, form: Form, left_out: list[LeftOut]) -> Iterator[Assignment]:
    if form is Form.TUNED:
        for found in tuned_conf.sysctls(text, file):
            if isinstance(found, Assignment):
                yield found
            else:
                place = f"{file}:{found.line}"
                left_out.append(LeftOut(place=place, what=found.what, why=found.why))
        return
    reader = Reader.SYSTEMD if form is Form.SYSCTL_D else Reader.PROCPS
    for line in sysctl_d.parse(text, file, reader):
        if isinstance(line, Assignment):
            yield line
        else:
            why = "no key and value in it"
            left_out.append(LeftOut(place=str(line.origin), what=line.text[:60].strip(), why=why))


def _why_not(assignment: Assignment) -> str:
    if assignment.value is None:
        return "only keeps the key out of patterns"
    if assignment.is_glob:
        return "a pattern; a profile names each key"
    if assignment.computed:
        return "TuneD works the value out when it is written"
    return ""


class _Comments:
    """The comments of a file, by line."""

    def __init__(self, text: str) -> None:
        self._lines = [line.strip() for line in text.split("\n")]

    def above(self, number: int) -> list[str]:
        """The comments without a gap above a line, which counts from 1."""
        found: list[str] = []
        for line in reversed(self._lines[: number - 1]):
            if line[:1] not in ("#", ";"):
                break
            found.append(line[1:].strip())
        return found[::-1]

    def all(self) -> Iterator[str]:
        """Every comment."""
        return (line[1:].strip() for line in self._lines if line[:1] in ("#", ";"))


def _reason(comments: Iterable[str]) -> str:
    """What comments say in words; an assignment that was commented out is none."""
    words = [
        comment
        for comment in comments
        if not comment.startswith((_OWN, DEMAND, NOT_CARRIED)) and "=" not in comment
    ]
    text = " ".join(" ".join(words).split())
    return "" if len(text) > _LONGEST_REASON else text


def _after(prefix: str, comments: Iterable[str]) -> str:
    return next((c.removeprefix(prefix) for c in comments if c.startswith(prefix)), "")


def _remembered(comments: Iterator[str]) -> Remembered:
    found = Remembered()
    for comment in comments:
        if comment.startswith(NAME):
            found.name = comment.removeprefix(NAME)
        elif comment.startswith(SUMMARY):
            found.summary = comment.removeprefix(SUMMARY)
        elif comment.startswith(CONNECTIONS):
            found.connections = comment.removeprefix(CONNECTIONS)
        elif comment.startswith(ALLOW):
            found.allow.append(comment.removeprefix(ALLOW))
        elif comment.startswith(LIMIT):
            name, _, demand = comment.removeprefix(LIMIT).partition(": ")
            found.limits[name] = demand
    return found
