"""The format of TuneD's files, line by line. Pure.

TuneD reads them with `ConfigParser(delimiters="=", inline_comment_prefixes="#", strict=False)` of
Python's configparser, which does not tell on which line an option stands. The same walk is done
here; a test holds it against configparser itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tunekit.files.model import Assignment, Only, Origin, Writer
from tunekit.records import dataclass

DEFAULTS = "DEFAULT"
"""The section whose options every other section has, too."""

UNIT_OPTIONS = frozenset(
    {
        "type",
        "enabled",
        "replace",
        "prepend",
        "drop",
        "priority",
        "devices",
        "devices_udev_regex",
        "cpuinfo_regex",
        "uname_regex",
        "script_pre",
        "script_post",
    }
)
"""What any section may have beside what it sets (tuned/profiles/unit.py)."""

TRUE = frozenset({"True", "true", "1"})
_HEADER = re.compile(r"\[(.+)\]")
_LINE_END = re.compile(r"\r\n|\r")
_QUOTED = re.compile(r'^"(.*)"$')
_SWAP = str.maketrans("./", "/.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a section; `value` is None for a key alone, which some files may have."""

    section: str
    key: str
    value: str | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The header of a section."""

    name: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A line for which TuneD refuses the whole file."""

    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherOption:
    """A line of a tuned.conf that sets no key, and why."""

    what: str
    line: int
    why: str


def parse(
    text: str, *, section: str = "", bare_keys: bool = False
) -> Iterator[Section | Option | Broken]:
    """Read a text. With `section` it has no need of a header, as TuneD's own settings and files
    of variables have none; `bare_keys` allows a key without a value.
    """
    open_section = section or None
    if section:
        yield Section(name=section, line=0)
    current: tuple[str, str, list[str], int] | None = None
    deepest = 0
    for number, line in enumerate(lines(text), 1):
        content, commented = _content(line)
        if not content:
            if current and not commented:
                current[2].append("")
            continue
        depth = len(line) - len(line.lstrip())
        if current and depth > deepest:
            current[2].append(content)
            continue
        deepest = depth
        if current:
            yield _option(*current)
        current = None
        if header := _HEADER.match(content):
            open_section = header[1]
            yield Section(name=open_section, line=number)
            continue
        key, equals, value = content.partition("=")
        if open_section is None or not key.strip() or not (equals or bare_keys):
            yield Broken(line=number, text=content)
        elif equals:
            current = (open_section, key.rstrip(), [value.strip()], number)
        else:
            yield Option(section=open_section, key=content, value=None, line=number)
    if current:
        yield _option(*current)


def lines(text: str) -> list[str]:
    """The lines of a text as Python reads a file."""
    return _LINE_END.sub("\n", text).split("\n")


def _content(line: str) -> tuple[str, bool]:
    """What a line says, and whether it has a comment."""
    stripped = line.strip()
    if stripped.startswith(("#", ";")):
        return "", True
    for index, char in enumerate(line):
        if char == "#" and line[index - 1].isspace():
            return line[:index].strip(), True
    return stripped, False


def _option(section: str, key: str, value: list[str], number: int) -> Option:
    return Option(section=section, key=key, value="\n".join(value).rstrip(), line=number)


def sections(parsed: Iterable[Section | Option | Broken]) -> dict[str, dict[str, Option]] | None:
    """The last of each option by section, in the order of the first, with the defaults last; None
    for a file that TuneD refuses.
    """
    found: dict[str, dict[str, Option]] = {}
    for each in parsed:
        if isinstance(each, Broken):
            return None
        if isinstance(each, Section):
            found.setdefault(each.name, {})
        else:
            found.setdefault(each.section, {})[each.key] = each
    defaults = found.pop(DEFAULTS, {})
    return {name: present | (defaults | present) for name, present in found.items()}


def has_sections(text: str) -> bool:
    """Tell whether a text looks like a tuned.conf: its first line that says something is a
    section.
    """
    stripped = (line.strip() for line in lines(text))
    first = next((line for line in stripped if line and line[0] not in "#;"), "")
    return first.startswith("[") and "]" in first


def unquote(value: str) -> str:
    """A value without the quotes around it."""
    return _QUOTED.sub(r"\1", value)


def path(key: str, *, keeps_slashes: bool = False) -> str:
    """Where below /proc/sys a key is. `keeps_slashes` is how TuneD took a `/` up to 2.20."""
    return key.replace(".", "/") if keeps_slashes else key.translate(_SWAP)


def assignment(
    key: str, value: str, origin: Origin, *, computed: bool = False, keeps_slashes: bool = False
) -> Assignment:
    """What TuneD writes for an option (plugin_sysctl.py)."""
    text, only = value, None
    if len(text) > 1 and text[0] in "<>":
        try:
            int(text[1:])
        except ValueError:
            # TuneD cannot compare it, and writes it as it is.
            pass
        else:
            only, text = Only(text[0]), text[1:]
    return Assignment(
        path=path(key, keeps_slashes=keeps_slashes),
        value=text,
        origin=origin,
        writer=Writer.TUNED,
        computed=computed,
        only=only,
    )


def sysctls(text: str, file: str) -> Iterator[Assignment | OtherOption]:
    """The keys that the text of one tuned.conf sets by itself, and what else stands in it."""
    parsed = list(parse(text))
    options = [each for each in parsed if isinstance(each, Option)]
    kinds = {each.section: each.value for each in options if each.key == "type"}
    apart = {each.section: why for each in options if (why := _why_apart(each))}
    for each in parsed:
        if isinstance(each, Section):
            continue
        if isinstance(each, Broken):
            why = "no option and value in it; TuneD refuses the whole file"
            yield OtherOption(what=each.text[:60], line=each.line, why=why)
            continue
        value = each.value or ""
        what = f"[{each.section}] {each.key}"
        if kinds.get(each.section, each.section) == "sysctl" and each.key not in UNIT_OPTIONS:
            if each.section in apart:
                yield OtherOption(what=what, line=each.line, why=apart[each.section])
            else:
                origin = Origin(file=file, line=each.line)
                # ${...} is a variable or a function.
                yield assignment(each.key, unquote(value), origin, computed="${" in value)
        elif (each.section, each.key) != ("main", "summary") and each.key != "type":
            yield OtherOption(what=what, line=each.line, why="a profile holds only sysctls")


def _why_apart(option: Option) -> str:
    """Why an option keeps the keys of its section from being set, or from some machines."""
    if option.key == "enabled" and option.value not in TRUE:
        return "the section is not enabled"
    if option.key in ("cpuinfo_regex", "uname_regex"):
        return f"the section is for machines of its {option.key} alone"
    return ""
