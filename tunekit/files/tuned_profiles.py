"""TuneD's profiles: which files there are, and what comes of them and of those they include.

What follows is TuneD's own code, 2.20 to 2.27: profiles/locator.py, loader.py, merger.py, unit.py
and variables.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from posixpath import basename, normpath

from tunekit.files import tuned_conf
from tunekit.files.model import Origin, Unread
from tunekit.files.root import Root
from tunekit.files.tuned_conf import TRUE, Option

_LIST = re.compile(r"\s*[,;]\s*")
_DROPPED = re.compile(r"\b\s*[,;]\s*")
_SAFE = re.compile(r"[a-zA-Z0-9_.-]+")
_FUNCTION = re.compile(r"(?<!\\)\$\{f:")
_FOLDER = re.compile(r"(?<!\\)\$\{i:PROFILE_DIR\}")


class Refused(Exception):
    """TuneD would stop here and set nothing."""


@dataclass(slots=True)
class Unit:
    """A section of a profile, and what the sections of that name before it have left of theirs."""

    kind: str
    enabled: bool
    options: dict[str, tuple[str, Origin]]
    about: dict[str, str] = field(default_factory=dict)


class Loader:
    """Profiles as TuneD's loader finds and merges them."""

    def __init__(
        self, root: Root, folders: tuple[str, ...], *, keeps_priority: bool = False
    ) -> None:
        self._root = root
        self._folders = folders
        self._merged = ("cpuinfo_regex", "uname_regex") + ("priority",) * (not keeps_priority)
        self._seen: list[str] = []
        self._units: dict[str, Unit] = {}

    def load(self, names: list[str]) -> dict[str, Unit]:
        for name in names:
            if "/" in name or not any(self._has(folder, name) for folder in self._folders):
                raise Refused
        self._load([name for name in names if _SAFE.fullmatch(name)])
        if not self._seen:
            raise Refused
        return self._units

    def _has(self, folder: str, name: str) -> bool:
        return self._root.exists(f"{folder}/{name}/tuned.conf")

    def _load(self, names: Iterable[str]) -> None:
        for name in names:
            file = self._find(name)
            if not file:
                continue
            self._seen.append(file)
            found = self._sections(file)
            include = found.get("main", {}).get("include")
            if include is not None:
                if _FUNCTION.search(include.value or ""):
                    cause = f"TuneD works out what line {include.line} includes when it starts"
                    self._root.unread.append(Unread(path=file, cause=cause, undecided=True))
                else:
                    self._load(_LIST.split(include.value or ""))
            for section, options in found.items():
                if section != "main":
                    self._merge(section, options, file)

    def _find(self, name: str) -> str:
        """The file of a profile that was not read yet, in the last folder that has it."""
        optional = name.startswith("-")
        was_seen = False
        for folder in reversed(self._folders):
            file = normpath(f"{folder}/{basename(name.removeprefix('-'))}/tuned.conf")
            if file in self._seen:
                was_seen = True
            elif self._root.exists(file):
                return file
        if not (optional or was_seen):
            raise Refused
        return ""

    def _sections(self, file: str) -> dict[str, dict[str, Option]]:
        found = tuned_conf.sections(tuned_conf.parse(self._root.read(file) or ""))
        if found is None:
            raise Refused
        return found

    def _merge(self, name: str, options: dict[str, Option], file: str) -> None:
        folder = file.rpartition("/")[0]
        texts = {
            key: (
                _FOLDER.sub(lambda _: folder, each.value or ""),
                Origin(file=file, line=each.line),
            )
            for key, each in options.items()
        }
        about = {key: texts.pop(key)[0] for key in tuned_conf.UNIT_OPTIONS if key in texts}
        kind = about.get("type", name)
        unit = Unit(kind, about.get("enabled", "true") in TRUE, texts, about)
        present = self._units.get(name)
        if present is None or about.get("replace") in TRUE:
            self._units[name] = unit
            return
        present.kind, present.enabled = unit.kind, unit.enabled
        for key in self._merged:
            if key in about:
                present.about[key] = about[key]
        for key in _DROPPED.split(about["drop"]) if "drop" in about else ():
            present.options.pop(key, None)
        before = present.options
        if about.get("prepend") in TRUE and name == "variables":
            new = {key: each for key, each in texts.items() if key not in before}
            before = new | before
        present.options = before | texts


class Variables:
    """The variables of a profile; one that a function gives is known to nobody but TuneD."""

    def __init__(self, root: Root, unit: Unit | None) -> None:
        self._known: dict[str, str | None] = {}
        for key, (value, _) in unit.options.items() if unit else ():
            if key == "include":
                self._include(root.read(normpath(value)))
            else:
                self._add(key, value)

    def _include(self, text: str | None) -> None:
        found = tuned_conf.sections(tuned_conf.parse(text or "", section="-", bare_keys=True))
        if found is None:
            raise Refused
        for options_of_one in found.values():
            for key, each in options_of_one.items():
                if each.value is not None:
                    self._add(key, each.value)

    def _add(self, name: str, value: str) -> None:
        if re.fullmatch(r"\w+", name):
            self._known[name] = self.expand(value)

    def expand(self, text: str) -> str | None:
        """A text with its variables put in, None where TuneD has to work it out."""
        unknown = False

        def put_in(match: re.Match[str]) -> str:
            nonlocal unknown
            name = match[1]
            if name not in self._known:
                return match[0]
            value = self._known[name]
            unknown = unknown or value is None
            return value or ""

        text = re.sub(r"(?<!\\)\$\{(\w+)\}", put_in, text)
        text = re.sub(r"\\(\$\{\w+\})", r"\1", text)
        if unknown or _FUNCTION.search(text):
            return None
        return re.sub(r"\\(\$\{f:.*\})", r"\1", text)
