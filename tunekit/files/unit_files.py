"""Which files a systemd unit is made of, in the order in which they are read.

As in systemd 252: unit_file_build_name_map in src/shared/unit-file.c, unit_file_find_dropin_paths
in src/shared/dropin.c, conf_files_list_strv in src/basic/conf-files.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tunekit.errors import UsageError
from tunekit.files.model import Origin
from tunekit.files.root import Root

FOLDERS = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/run/systemd/generator.late",
)
"""Where units of the system are looked for, the first match winning (systemd-analyze unit-paths).
`/lib` is `/usr/lib` nearly everywhere.
"""
MANAGER_FOLDERS = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd")

_NAME = re.compile(r"[A-Za-z0-9:_.\\-]{1,200}(@[A-Za-z0-9:_.\\-]*)?\.(service|socket|mount|swap)\Z")
_BLANKS = " \t\n\r"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A line `KEY=VALUE` of a section."""

    section: str
    key: str
    value: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFiles:
    """The files of a unit. `fragment` is None where there is none, `masked` says that it leads to
    nothing. `drop_ins` come in the order in which they are read, after the fragment.
    """

    name: str
    fragment: str | None = None
    masked: bool = False
    drop_ins: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every file, in order."""
        return (*((self.fragment,) if self.fragment else ()), *self.drop_ins)


def unit_name(text: str) -> str:
    """Complete a unit's name with `.service`. Raises UsageError for what cannot be one."""
    name = text if text.endswith((".service", ".socket", ".mount", ".swap")) else f"{text}.service"
    if not _NAME.match(name):
        raise UsageError(f"{text!r} is not a unit", hint="such as nginx.service")
    return name


def find_unit(root: Root, name: str, folders: Sequence[str] = FOLDERS) -> UnitFiles:
    """Find the files of a unit by its name or an alias."""
    seen = {name}
    fragment = _first(root, name, folders)
    while fragment and (target := root.link(fragment)) is not None:
        other = target.rpartition("/")[2]
        if other == name or not _NAME.match(other) or other in seen:
            break
        # A link to a unit of another name makes this one an alias of it.
        name = other
        seen.add(name)
        fragment = _first(root, name, folders)
    names = (name, *(alias for alias in _aliases(root, name, folders) if alias != name))
    masked = fragment is not None and not (root.read(fragment) or "").strip()
    return UnitFiles(
        name=name,
        fragment=fragment,
        masked=masked,
        drop_ins=_merge(root, list(_drop_in_folders(names, folders))),
    )


def _first(root: Root, name: str, folders: Sequence[str]) -> str | None:
    for candidate in (name, _template(name)):
        for folder in folders:
            if candidate and (
                root.exists(path := f"{folder}/{candidate}") or root.link(path) is not None
            ):
                return path
    return None


def _template(name: str) -> str:
    """The template of an instance: `x@.service` for `x@1.service`; empty for what is none."""
    prefix, at, rest = name.partition("@")
    instance, _, suffix = rest.rpartition(".")
    return f"{prefix}@.{suffix}" if at and instance else ""


def _aliases(root: Root, name: str, folders: Sequence[str]) -> Iterator[str]:
    """The names that are links to a unit."""
    suffix = name.rpartition(".")[2]
    for folder in folders:
        for entry in root.names(folder):
            if entry.endswith(f".{suffix}") and entry != name:
                target = root.link(f"{folder}/{entry}")
                if target is not None and target.rpartition("/")[2] == name:
                    yield entry


def _drop_in_folders(names: Iterable[str], folders: Sequence[str]) -> Iterator[str]:
    suffix = ""
    for name in names:
        suffix = name.rpartition(".")[2]
        for folder in folders:
            for each in _less_and_less(name):
                yield f"{folder}/{each}.d"
    for folder in folders:
        yield f"{folder}/{suffix}.d"


def _less_and_less(name: str) -> Iterator[str]:
    """A name and what drop-ins for many have: its template, then `a-.service` of `a-b.service`."""
    yield name
    if template := _template(name):
        yield from _less_and_less(template)
    stem, _, suffix = name.rpartition(".")
    prefix, at, instance = stem.partition("@")
    cut = prefix.rstrip("-") if prefix.endswith("-") else prefix
    dash = cut.rfind("-")
    if dash >= 0:
        # Without an instance, which a template does not have, it is a plain unit's name.
        rest = f"{at}{instance}" if instance else ""
        yield from _less_and_less(f"{cut[: dash + 1]}{rest}.{suffix}")


def _merge(root: Root, folders: Iterable[str]) -> tuple[str, ...]:
    """The files of drop-in folders: a name is read once, from the first folder that has it."""
    found: dict[str, str] = {}
    for folder in folders:
        for name in root.names(folder):
            if name.endswith(".conf") and not name.startswith("."):
                found.setdefault(name, f"{folder}/{name}")
    ordered = sorted(found.items(), key=lambda item: item[0].encode(errors="surrogateescape"))
    # An empty file, such as a link to /dev/null, masks those of its name.
    return tuple(path for _, path in ordered if root.read(path))


def manager_files(root: Root) -> tuple[str, ...]:
    """system.conf and its drop-ins, in the order in which they are read."""
    main = [path for folder in MANAGER_FOLDERS if root.exists(path := f"{folder}/system.conf")][:1]
    return (*main, *_merge(root, [f"{folder}/system.conf.d" for folder in MANAGER_FOLDERS]))


def statements(text: str, file: str) -> Iterator[Statement]:
    """Read the lines of a file (config_parse in src/shared/conf-parser.c). Pure.

    A line that ends in a backslash goes on in the next one; comments between do not end it.
    """
    section = ""
    joined, start = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.lstrip(_BLANKS)
        if bare.startswith(("#", ";")):
            continue
        joined, start = (joined + bare, start) if joined else (bare, number)
        trailing = len(line) - len(line.rstrip("\\"))
        if trailing % 2:
            joined = f"{joined[:-1]} "
            continue
        whole, joined = joined.strip(_BLANKS), ""
        if whole.startswith("[") and whole.endswith("]"):
            section = whole[1:-1]
        elif "=" in whole:
            key, _, value = whole.partition("=")
            yield Statement(
                section=section,
                key=key.rstrip(_BLANKS),
                value=value.lstrip(_BLANKS),
                origin=Origin(file=file, line=start),
            )
