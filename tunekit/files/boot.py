"""What boot will set: every line about a key, the one that wins, and the value that comes of it.

Who wins depends on who reads (`files/sysctl_d.py` says where the files differ):

- systemd-sysctl keeps the last line of each key and writes it once. A line `-KEY` without a value
  takes the place of an earlier line of KEY, and a later `KEY = v` takes its place in turn. A key
  with a line of its own is left out of every wildcard, wherever that stands.
- `sysctl --system` writes every line in its order. A wildcard leaves out each key that has a line
  of its own under the very same spelling; a newer one also each that matches a `-PATTERN` without
  a value (it calls fnmatch(3), which procps 4.0.2 does not).

Either comes after the kernel command line and before TuneD.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tunekit.files import cmdline, sysctl_d, tuned
from tunekit.files.model import Assignment, Only, Origin, Reader, Unread, Writer
from tunekit.files.patterns import braces, fnmatch_matches, glob_matches
from tunekit.files.root import Root
from tunekit.files.stored import Stored, store
from tunekit.files.sysctl_d import BadLine
from tunekit.files.tuned import TunedProfile
from tunekit.values import SysctlKey

FILE_MAX = "fs/file-max"
_LONG_MAX = str(2**63 - 1)
_UNIT_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system")
_SYSTEMD_SYSCTL = ("/usr/lib/systemd/systemd-sysctl", "/lib/systemd/systemd-sysctl")
_SYSTEMD = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
_PROCPS = ("/usr/sbin/sysctl", "/sbin/sysctl", "/usr/bin/sysctl", "/bin/sysctl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadowed:
    """A line that does not decide a key's value, and what keeps it from that."""

    assignment: Assignment
    by: str


@dataclass(frozen=True, kw_only=True)
class Boot:
    """All that boot reads about sysctls.

    `lines` are those of sysctl.d and its kin in the order of reading, `bad` those that their
    reader passes over. `hidden` are lines of files that are not read, since an earlier folder has
    a file of that name, which is the value. `unread` is what could not be looked at: with any,
    that nothing sets a key is not certain. `reader` is None where nothing reads sysctl.d at boot;
    `excludes_patterns` says that it is a procps that knows `-PATTERN`.
    """

    reader: Reader | None
    excludes_patterns: bool = False
    lines: tuple[Assignment, ...] = ()
    earlier: tuple[Assignment, ...] = ()
    profile: TunedProfile | None = None
    hidden: Mapping[Assignment, str] = field(default_factory=dict)
    bad: tuple[BadLine, ...] = ()
    unread: tuple[Unread, ...] = ()
    files: tuple[str, ...] = ()

    def writes(self, key: SysctlKey) -> tuple[Assignment, ...]:
        """What is written to a key that is there at boot, in order."""
        return (
            *(each for each in self.earlier if _canonical(each.path) == key.path),
            *self._from_files(key),
            *self._from_tuned.get(key.path, ()),
        )

    def winner(self, key: SysctlKey) -> Assignment | None:
        """The line that decides what a key is after boot, None when nothing sets it.

        One whose text the kernel refuses decides nothing, unless there is no other.
        """
        name = str(key)
        writes = self.writes(key)
        winner = writes[-1] if writes else None
        text = None
        for each in writes:
            stored = _after(name, text, each)
            if stored.taken:
                winner = each
            text = stored.text
        return winner

    def value(self, key: SysctlKey, default: str | None = None) -> str | None:
        """The text that a key holds after boot, None where that cannot be told.

        `default` is what the kernel gives it, where that is known: it stays when nothing is
        written, and in the fields of a vector that no line gives.
        """
        text = default
        for each in self.writes(key):
            text = _after(str(key), text, each).text
        return text

    def assignments(self, key: SysctlKey) -> tuple[Assignment, ...]:
        """Every line about a key in the order of reading, those that lose and those of files that
        are not read among them.
        """
        lines = (*self.earlier, *self.lines, *self._tuned_lines, *self.hidden)
        return tuple(each for each in lines if self._concerns(each, key))

    def shadowed(self, key: SysctlKey) -> tuple[Shadowed, ...]:
        """The lines about a key that do not decide its value."""
        winner = self.winner(key)
        decides = str(winner.origin) if winner else "nothing sets it"
        return tuple(
            Shadowed(assignment=each, by=self.hidden.get(each, decides))
            for each in self.assignments(key)
            if not _is_same(each, winner) and (each.value is not None or winner is not None)
        )

    @cached_property
    def _tuned_lines(self) -> tuple[Assignment, ...]:
        """What TuneD writes and is not said already: it repeats lines of files, maybe often."""
        own = dict.fromkeys(self.profile.writes if self.profile else ())
        return tuple(each for each in own if each not in self._said)

    @cached_property
    def _said(self) -> frozenset[Assignment]:
        return frozenset(self.lines)

    @cached_property
    def _options(self) -> dict[str, Assignment]:
        """The lines as systemd-sysctl keeps them (parse_file in src/sysctl/sysctl.c)."""
        options: dict[str, Assignment] = {}
        for each in self.lines:
            present = options.get(each.path)
            if present is not None and present.value == each.value:
                continue
            options.pop(each.path, None)
            options[each.path] = each
        return options

    @cached_property
    def _spelled(self) -> frozenset[str]:
        return frozenset(each.path for each in self.lines)

    @cached_property
    def _wildcards(self) -> tuple[Assignment, ...]:
        lines = self._options.values() if self.reader is Reader.SYSTEMD else self.lines
        return tuple(each for each in lines if each.is_glob and each.value is not None)

    @cached_property
    def _by_path(self) -> dict[str, list[Assignment]]:
        found: dict[str, list[Assignment]] = {}
        for each in self.lines:
            if not each.is_glob and each.value is not None:
                found.setdefault(_canonical(each.path), []).append(each)
        return found

    def _from_files(self, key: SysctlKey) -> Iterator[Assignment]:
        if self.reader is Reader.SYSTEMD:
            explicit = self._options.get(key.path)
            if explicit is None:
                yield from self._matching(key)
            elif explicit.value is not None:
                yield explicit
        elif self.reader is Reader.PROCPS:
            explicit_lines = self._by_path.get(key.path, [])
            globs = [] if self._left_out(key) else self._matching(key)
            chosen = {id(each) for each in (*explicit_lines, *globs)}
            yield from (each for each in self.lines if id(each) in chosen)

    def _matching(self, key: SysctlKey) -> list[Assignment]:
        return [each for each in self._wildcards if self._covers(each, key)]

    def _covers(self, line: Assignment, key: SysctlKey) -> bool:
        patterns = braces(line.path) if self.reader is Reader.SYSTEMD else [line.path]
        return any(glob_matches(pattern, key.path) for pattern in patterns)

    def _left_out(self, key: SysctlKey) -> bool:
        """Whether procps keeps a key out of every wildcard (settinglist_findpath)."""
        return key.path in self._spelled or (
            self.excludes_patterns
            and any(
                each.value is None and fnmatch_matches(each.path, key.path) for each in self.lines
            )
        )

    @cached_property
    def _from_tuned(self) -> dict[str, list[Assignment]]:
        found: dict[str, list[Assignment]] = {}
        for each in self.profile.writes if self.profile else ():
            found.setdefault(_canonical(each.path), []).append(each)
        return found

    def _concerns(self, line: Assignment, key: SysctlKey) -> bool:
        if line.value is None and line.is_glob and self.reader is Reader.PROCPS:
            return fnmatch_matches(line.path, key.path)
        if line.is_glob and line.writer is not Writer.TUNED:
            return self._covers(line, key)
        return _canonical(line.path) == key.path


def read_boot(root: Root, reader: Reader | None = None) -> Boot:
    """Read everything below a root that sets sysctls at boot.

    `reader` is the program to read as, by default the one that this root starts. What cannot be
    read is listed in the outcome; nothing is raised for it.
    """
    reader = reader or find_reader(root)
    lines: list[Assignment] = []
    bad: list[BadLine] = []
    files = sysctl_d.list_files(root, reader) if reader else ()
    for file in files:
        for each in sysctl_d.parse(root.read(file) or "", file, reader or Reader.SYSTEMD):
            if isinstance(each, Assignment):
                lines.append(each)
            else:
                bad.append(each)
    hidden = {
        each: winner
        for file, winner in sysctl_d.shadowed_files(root).items()
        for each in sysctl_d.parse(root.read(file) or "", file, reader or Reader.SYSTEMD)
        if isinstance(each, Assignment)
    }
    return Boot(
        reader=reader,
        excludes_patterns=reader is Reader.PROCPS and _knows_patterns(root),
        lines=tuple(lines),
        earlier=tuple(_before_files(root)),
        profile=None if _is_masked(root, "tuned.service") else tuned.read(root, lines),
        hidden=hidden,
        bad=tuple(bad),
        unread=tuple(root.unread),
        files=files,
    )


def find_reader(root: Root) -> Reader | None:
    """The program that reads sysctl.d when this root boots, None where there is none."""
    if any(map(root.exists, _SYSTEMD_SYSCTL)):
        return None if _is_masked(root, "systemd-sysctl.service") else Reader.SYSTEMD
    return Reader.PROCPS if any(map(root.exists, _PROCPS)) else None


def _knows_patterns(root: Root) -> bool:
    """Whether this root's sysctl calls fnmatch(3); one that cannot be read is taken for new."""
    programs = [text for name in _PROCPS if (text := root.read(name)) is not None]
    return not programs or "fnmatch" in programs[0]


def _is_masked(root: Root, unit: str) -> bool:
    """Whether the first unit file of that name is empty, or a link to /dev/null."""
    for folder in _UNIT_FOLDERS:
        if unit in root.names(folder):
            # In a root that is not running there is no /dev/null for a link to lead to.
            return not root.read(f"{folder}/{unit}")
    return False


def _before_files(root: Root) -> Iterator[Assignment]:
    if root.is_host:
        yield from cmdline.parse(root.read(cmdline.PLACE) or "")
    if any(map(root.exists, _SYSTEMD)):
        # Since systemd 240; fs.nr_open too where it was built so, which its files do not tell.
        yield Assignment(
            path=FILE_MAX,
            value=_LONG_MAX,
            origin=Origin(file="systemd (PID 1)"),
            writer=Writer.MANAGER,
        )


def _after(name: str, before: str | None, line: Assignment) -> Stored:
    """What a key holds after a line was written to it; `taken` says that the line may decide it."""
    if line.computed or (line.only and before is None):
        return Stored(text=None)
    text = line.value or ""
    if line.only and before is not None:
        try:
            there, wanted = int(before), int(text)
        except ValueError:
            # TuneD cannot compare them, and writes the sign as well.
            return Stored(text=before, taken=False)
        if not (wanted > there if line.only is Only.MORE else wanted < there):
            return Stored(text=before, taken=False)
    return store(name, before, text)


def _is_same(one: Assignment, other: Assignment | None) -> bool:
    """Whether two readers' lines are the same line of a file."""
    return one is other or (
        other is not None and one.origin.line > 0 and one.origin == other.origin
    )


def _canonical(path: str) -> str:
    """The file below /proc/sys that a path leads to; one that systemd-sysctl refuses for its `..`
    is nobody's.
    """
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
