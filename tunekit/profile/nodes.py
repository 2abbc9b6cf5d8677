"""YAML as far as a profile needs it: a tree of raw texts, each with its line.

The tree is built from the parser's event stream, so nothing is guessed about a scalar (`030` and
`on` stay texts), no constructor runs, and depth, size and aliases are bounded while they are
read: composing 50,000 brackets would exhaust the C stack.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, NoReturn

from tunekit.errors import Location
from tunekit.profile.problems import UNSAFE, Problems, shown
from tunekit.records import dataclass

MAX_BYTES = 1 << 20
MAX_DEPTH = 16
MAX_NODES = 20_000
"""With every alias counted as often as what it stands for."""
MAX_UNSAFE_LINES = 20
_REMOVE = "remove it"
_TOO_DEEP = (f"nested more than {MAX_DEPTH} deep", "a profile needs 4 levels")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One text as written. `plain` tells that it stands without quotes."""

    text: str
    plain: bool
    location: Location

    @property
    def absent(self) -> bool:
        """Tell whether nothing was written here at all, as after `key:`."""
        return self.plain and not self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A list. `flow` tells that it is written in brackets."""

    items: tuple[Node, ...]
    flow: bool
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Keys and values in the order of writing, without the duplicates that were reported."""

    entries: tuple[tuple[Scalar, Node], ...]
    flow: bool
    location: Location


Node = Scalar | Sequence | Mapping


class _Stop(Exception):
    """The file cannot be read any further; the problem has been noted."""


def parse(data: bytes, file: str, problems: Problems, loader: Any = None) -> Node | None:
    """Read the one YAML document of a file.

    `loader` is PyYAML's, by default the one in C where PyYAML was built with it.
    What is wrong is noted in `problems`. Returns None, with `problems.broken` set, for a file
    that cannot be understood as a whole.
    """
    try:
        text = _decode(data, file, problems)
        node = _Builder(file, problems).build(text, loader)
    except _Stop:
        problems.broken = True
        return None
    return node


def _decode(data: bytes, file: str, problems: Problems) -> str:
    if len(data) > MAX_BYTES:
        problems.add(
            "larger than 1 MiB",
            path=file,
            hint="a profile takes a few kilobytes",
        )
        raise _Stop
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.add(
            f"byte {error.start} is not UTF-8",
            location=Location(file=file, line=line),
            hint="save the file as UTF-8",
        )
        raise _Stop from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not UNSAFE.search(text):
        return text
    lines = ((number, UNSAFE.search(line)) for number, line in enumerate(text.split("\n"), 1))
    for number, unsafe in islice(((n, found) for n, found in lines if found), MAX_UNSAFE_LINES):
        location = Location(file=file, line=number)
        problems.add(f"a control character ({unsafe.group()!a})", location=location, hint=_REMOVE)
    raise _Stop


class _Frame:
    """A collection that is still open: what it holds so far."""

    __slots__ = ("children", "event", "size")

    def __init__(self, event: Any) -> None:
        self.event = event
        self.children: list[Node] = []
        self.size = 1


class _Builder:
    """Turns one document's events into nodes, with a stack of its own instead of recursion."""

    def __init__(self, file: str, problems: Problems) -> None:
        self.file = file
        self.problems = problems
        self.stack: list[_Frame] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.total = 0
        self.root: Node | None = None

    def build(self, text: str, loader: Any) -> Node:
        import yaml

        loader = loader or getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        take = {
            yaml.ScalarEvent: self._scalar,
            yaml.SequenceStartEvent: self._open,
            yaml.MappingStartEvent: self._open,
            yaml.SequenceEndEvent: self._sequence,
            yaml.MappingEndEvent: self._mapping,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }
        try:
            for event in yaml.parse(text, Loader=loader):
                if type(event) in take:
                    take[type(event)](event)
        except yaml.MarkedYAMLError as error:
            self._syntax(error, text)
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            # The parser in Python hands an escape such as "\UFFFFFFFF" to chr() unchecked.
            self.problems.add(f"not valid YAML: {shown(str(error))}", path=self.file)
            raise _Stop from None
        if self.root is None:
            self.problems.add(
                "an empty profile", path=self.file, hint="begin with the line 'tunekit: 1'"
            )
            raise _Stop
        return self.root

    def _document(self, event: Any) -> None:
        if self.root is not None:
            self._stop(event, "a second YAML document", "one file holds one profile")

    def _open(self, event: Any) -> None:
        self._check_tag(event)
        self.stack.append(_Frame(event))
        if len(self.stack) > MAX_DEPTH:
            self._stop(event, *_TOO_DEEP)

    def _sequence(self, _: Any) -> None:
        frame = self.stack.pop()
        node = Sequence(
            items=tuple(frame.children),
            flow=bool(frame.event.flow_style),
            location=self._at(frame.event),
        )
        self._attach(node, frame.event, frame.size)

    def _scalar(self, event: Any) -> None:
        self._check_tag(event)
        location = self._at(event)
        unsafe = UNSAFE.search(event.value)
        if unsafe:
            self.problems.add(
                f"a control character ({unsafe.group()!a})", location=location, hint=_REMOVE
            )
        node = Scalar(text=event.value, plain=not event.style, location=location)
        self._attach(node, event, 1)

    def _mapping(self, _: Any) -> None:
        frame = self.stack.pop()
        entries: dict[str, tuple[Scalar, Node]] = {}
        for key, value in zip(frame.children[::2], frame.children[1::2], strict=True):
            if not isinstance(key, Scalar):
                self.problems.add(
                    "a key cannot be a list or a mapping",
                    location=key.location,
                    hint="write a name",
                )
            elif key.text in entries:
                first = entries[key.text][0].location.line
                self.problems.add(
                    f"given twice, first in line {first}",
                    key=key.text,
                    location=key.location,
                    hint="keep one of them",
                )
            else:
                entries[key.text] = (key, value)
        node = Mapping(
            entries=tuple(entries.values()),
            flow=bool(frame.event.flow_style),
            location=self._at(frame.event),
        )
        self._attach(node, frame.event, frame.size)

    def _alias(self, event: Any) -> None:
        name = event.anchor
        if name not in self.anchors:
            inside = any(frame.event.anchor == name for frame in self.stack)
            what = "stands inside what it refers to" if inside else "refers to nothing"
            self._stop(event, f"the alias *{shown(name)} {what}", "write the value out")
        node, size = self.anchors[name]
        self._attach(node, event, size)

    def _attach(self, node: Node, event: Any, size: int) -> None:
        """Put a finished node where it belongs, under the event that named it."""
        self.total += 1
        if self.stack:
            frame = self.stack[-1]
            frame.children.append(node)
            frame.size += size
        else:
            self.root = node
        if max(self.total, self.stack[-1].size if self.stack else size) > MAX_NODES:
            self._stop(event, f"more than {MAX_NODES} values, aliases counted", "write less")
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, size)

    def _check_tag(self, event: Any) -> None:
        if event.tag is not None:
            self.problems.add(
                f"a YAML tag ({shown(event.tag)})",
                location=self._at(event),
                hint="remove it; a value is read by the type of its key",
            )

    def _syntax(self, error: Any, text: str) -> None:
        mark = error.problem_mark or error.context_mark
        line = mark.line if mark else 0
        lines = text.split("\n")
        line = max(0, min(line, len(lines) - 1))
        if not lines[line].strip() and error.context_mark:
            # The end of the file: what was left open is more telling.
            line = min(error.context_mark.line, len(lines) - 1)
        problem = error.problem or error.context or "it cannot be read"
        if "nesting depth" in problem:
            # libyaml since 0.2.6 counts as well, and may look ahead before it says what it saw.
            self._stop_at(line, *_TOO_DEEP)
        indent = lines[line][: len(lines[line]) - len(lines[line].lstrip())]
        if "\t" in indent:
            hint = "indent with spaces, not with tabs"
        elif "mapping values are not allowed" in problem:
            hint = "quote the text that holds a colon"
        else:
            hint = "check the brackets, quotes and indentation there"
        self._stop_at(line, f"not valid YAML: {shown(problem)}", hint)

    def _stop(self, event: Any, message: str, hint: str) -> NoReturn:
        self._stop_at(event.start_mark.line, message, hint)

    def _stop_at(self, line: int, message: str, hint: str) -> NoReturn:
        self.problems.add(message, location=Location(file=self.file, line=line + 1), hint=hint)
        raise _Stop

    def _at(self, event: Any) -> Location:
        return Location(file=self.file, line=event.start_mark.line + 1)
