"""Which files make a profile last over a reboot, and what stands in them.

Nothing here writes. What boot meets by itself is left out: a number in a file can lower what a
later kernel or systemd would have set.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from shutil import which

from tunekit import catalog
from tunekit.api import keeping_limits
from tunekit.api.booting import HOST, Outlook, Wish, look, prospects, wishes
from tunekit.api.keeping_limits import Beneficiaries
from tunekit.catalog.validate import needs_allow
from tunekit.check.boot import Prospect, in_words
from tunekit.check.model import Finding, Status
from tunekit.engine.filing import Filed, FileWrite
from tunekit.errors import InvalidValue, NotAllowed, ProfileError
from tunekit.files import modules_load, texts
from tunekit.files.root import Root
from tunekit.files.texts import RANKS, Line
from tunekit.files.writing import current
from tunekit.kernel.readings import Value
from tunekit.kernel.sysctl import Sysctls
from tunekit.profile.evaluate import value_of
from tunekit.profile.find import spelling
from tunekit.profile.model import Profile, Requirement
from tunekit.profile.requirement import meet_all
from tunekit.records import dataclass
from tunekit.values import Numbers, SysctlKey, SysctlValue

NR_OPEN = SysctlKey(("fs", "nr_open"))
_NR_OPEN_DEFAULT = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What to make last: `users` and `groups` through PAM, `units` through systemd, `manager` for
    the defaults of every unit. `boot_unit` has a unit apply the profile at each boot, and writes
    into files only what boot is known not to meet. `allow` are keys and limits that can hurt.
    """

    root: Path = HOST
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    manager: bool = False
    boot_unit: bool = False
    allow: frozenset[str] = frozenset()

    @property
    def beneficiaries(self) -> Beneficiaries:
        """For whom limits are."""
        return Beneficiaries(
            users=self.users, groups=self.groups, units=self.units, manager=self.manager
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The files to write, what boot makes of them, and remarks."""

    files: tuple[FileWrite, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    standing: Mapping[str, str] = field(default_factory=dict)


def slug(profile: Profile) -> str:
    """A profile's name as part of a file's."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", profile.name).strip("-") or "profile"


def standing(claims: Iterable[Filed], root: str, name: str) -> dict[str, str]:
    """The files of a profile as the journal left them, by path."""
    mine = re.compile(rf"/[^/]*tunekit-{re.escape(name)}\.(?:conf|service)\Z")
    newest = {
        each.write.path: each.write.text
        for each in claims
        if each.write.root == root and mine.search(each.write.path)
    }
    return {path: text for path, text in newest.items() if text is not None}


def draft(
    profile: Profile,
    keeping: Keeping,
    claims: Sequence[Filed],
    *,
    left_out: frozenset[str] = frozenset(),
) -> Draft:
    """Work out the files of a profile. Writes nothing.

    `left_out` are keys that were found impossible here.

    Raises ProfileError for keys and limits that are not allowed, UsageError for names that cannot
    stand in a file, and FileRefused for a file that is there and not as tunekit left it.
    """
    root_name = str(keeping.root.resolve())
    name = slug(profile)
    own = standing(claims, root_name, name)
    # What boot would do without us, so that the outcome does not depend on an earlier one.
    without = look(keeping.root, overlay=dict.fromkeys(own))
    wanted = wishes(profile, without)
    work = _Work(profile=profile, keeping=keeping, name=name, without=without, left_out=left_out)
    _check_allowed(work)
    after = prospects(wanted, without)
    texts_by_path: dict[str, str] = {}
    lines = _sysctl_lines(work, wanted, after)
    path = _winning_path(work, after) if lines else ""
    if lines:
        texts_by_path[path] = texts.document(profile.name, work.undo, lines)
    if modules := _module_lines(work, wanted):
        target = f"/etc/modules-load.d/90-tunekit-{name}.conf"
        texts_by_path[target] = texts.document(profile.name, work.undo, modules)
    overlay = {**dict.fromkeys(own), **texts_by_path}
    with_files = look(keeping.root, overlay=overlay)
    limits = keeping_limits.write(
        profile,
        keeping.beneficiaries,
        keeping_limits.Place(
            root=keeping.root,
            overlay=overlay,
            slug=name,
            undo=work.undo,
            nr_open=_nr_open(work, with_files),
            allow=keeping.allow,
        ),
    )
    texts_by_path |= limits.texts
    work.notes.extend(limits.notes)
    if keeping.boot_unit:
        texts_by_path |= _boot_unit(work)
    gone = [
        each
        for each in own
        if each not in texts_by_path and each.startswith(("/etc/sysctl.d/", "/etc/modules-load.d/"))
    ]
    files = _changes(root_name, own, {**texts_by_path, **dict.fromkeys(gone)}, keeping.root)
    return Draft(
        files=tuple(files),
        findings=(
            *_findings(work, wanted, prospects(wanted, with_files)),
            *limits.findings,
        ),
        notes=tuple(work.notes),
        standing=own,
    )


def removal(profile: Profile, root: Path, claims: Sequence[Filed]) -> Draft:
    """Work out how to take the files of a profile away again. Raises FileRefused as `draft`."""
    root_name = str(root.resolve())
    own = standing(claims, root_name, slug(profile))
    return Draft(files=tuple(_changes(root_name, own, dict.fromkeys(own), root)), standing=own)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What the pieces of a draft share."""

    profile: Profile
    keeping: Keeping
    name: str
    without: Outlook
    left_out: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)

    @property
    def undo(self) -> str:
        return f"tunekit persist --remove {spelling(self.profile.path)}"

    def running(self, key: SysctlKey) -> str | None:
        if not self.without.is_host or catalog.is_unsafe_to_read(key):
            return None
        reading = Sysctls().read(key)
        return reading.text if isinstance(reading, Value) else None


def _check_allowed(work: _Work) -> None:
    allowed = {str(key) for key in work.profile.allow} & work.keeping.allow
    problems = []
    for setting in work.profile.settings:
        key = str(setting.key)
        why = needs_allow(setting.key, catalog.find(key), None)
        if why and key not in allowed:
            problems.append(
                NotAllowed(
                    f"{why}, so it needs `allow: [{key}]` in the profile and --allow {key}",
                    key=key,
                    hint="add both if that is what you want",
                    location=setting.location,
                )
            )
    if problems:
        raise ProfileError(problems)


def _sysctl_lines(work: _Work, wanted: Sequence[Wish], after: Sequence[Prospect]) -> list[Line]:
    lines = []
    for wish, prospect, setting in zip(wanted, after, work.profile.settings, strict=True):
        key = str(wish.key)
        tunable = catalog.find(key)
        if prospect.status is Status.PASS or key in work.left_out:
            continue
        if prospect.status is Status.UNKNOWN and work.keeping.boot_unit:
            continue
        if tunable is not None and tunable.secret:
            work.notes.append(f"{key} is a secret, and these files can be read by all: left out")
            continue
        running = work.running(wish.key)
        comes_later = tunable is not None and bool(tunable.module)
        if work.without.is_host and running is None and not comes_later:
            work.notes.append(f"{key} is not here: left out")
            continue
        try:
            value = _value(wish, prospect.value or running or _presumed(wish.key))
        except InvalidValue as error:
            work.notes.append(f"{key}: {error.message}: left out")
            continue
        reason = setting.reason or (tunable.summary if tunable else "")
        lines.append(texts.sysctl_line(key, str(value), _why(wish, prospect, reason)))
    return lines


def _value(wish: Wish, base: str | None) -> SysctlValue:
    """What to write: the wanted value, nearest to what would be there otherwise."""
    name = str(wish.key)
    if wish.prefer:
        return value_of(name, wish.prefer[0])
    if base is not None:
        return meet_all(value_of(name, base), wish.requirements, catalog.find(name))
    return meet_all(_as_value(wish.requirements[0]), wish.requirements[1:], catalog.find(name))


def _presumed(key: SysctlKey) -> str | None:
    """What a kernel that does not run here would give a key, as far as one can tell.

    A number that is wanted at least must not lower what is there without it.
    """
    tunable = catalog.find(key)
    words = (tunable.default.split() if tunable else [])[: len(tunable.fields) if tunable else 0]
    if tunable and len(words) == len(tunable.fields) and all(map(str.isdigit, words)):
        return " ".join(words)
    if catalog.is_unsafe_to_read(key):
        return None
    reading = Sysctls().read(key)
    return reading.text if isinstance(reading, Value) else None


def _as_value(requirement: Requirement) -> SysctlValue:
    """The least that a requirement asks for."""
    wanted = requirement.wanted
    if not isinstance(wanted, tuple):
        return wanted
    numbers = tuple(number for number in wanted if number is not None)
    if len(numbers) != len(wanted):
        raise InvalidValue("what its other fields are is not known there")
    return Numbers(numbers)


def _why(wish: Wish, prospect: Prospect, reason: str) -> str:
    asked = in_words(wish.requirements, wish.prefer)
    return f"{reason or 'wanted so'} ({asked}; without this line {prospect.reason})"


def _winning_path(work: _Work, after: Sequence[Prospect]) -> str:
    """The first name that sorts after every file that sets one of our keys."""
    boot = work.without.boot
    rivals = [
        line.origin.file.rpartition("/")[2].encode(errors="surrogateescape")
        for prospect in after
        if prospect.status is not Status.PASS
        for line in boot.assignments(prospect.key)
        if line.origin.file.endswith(".conf")
    ]
    for rank in RANKS:
        name = f"{rank}{work.name}.conf"
        if all(name.encode() > rival for rival in rivals):
            return f"/etc/sysctl.d/{name}"
    return f"/etc/sysctl.d/{RANKS[-1]}{work.name}.conf"


def _module_lines(work: _Work, wanted: Sequence[Wish]) -> list[Line]:
    with Root(work.keeping.root, overlay=dict.fromkeys(_module_files(work))) as root:
        loaded = modules_load.at_boot(root)
        if work.without.is_host:
            loaded |= modules_load.built_in(root, os.uname().release)
    needed: dict[str, list[str]] = {}
    for wish in wanted:
        tunable = catalog.find(wish.key)
        if tunable is None or not tunable.module or tunable.module.replace("-", "_") in loaded:
            continue
        if wish.optional and work.without.is_host and work.running(wish.key) is None:
            continue
        needed.setdefault(tunable.module, []).append(str(wish.key))
    return [
        Line(text=module, reason=f"without it boot finds no {', '.join(keys)} to write")
        for module, keys in needed.items()
    ]


def _module_files(work: _Work) -> list[str]:
    return [f"/etc/modules-load.d/90-tunekit-{work.name}.conf"]


def _nr_open(work: _Work, outlook: Outlook) -> int:
    at_boot = outlook.boot.value(NR_OPEN, work.running(NR_OPEN))
    return int(at_boot) if at_boot else _NR_OPEN_DEFAULT


def _boot_unit(work: _Work) -> dict[str, str]:
    unit = f"tunekit-{work.name}.service"
    program = which("tunekit") or str(Path(sys.argv[0]).resolve())
    path = str(Path(work.profile.path).resolve())
    command = [program, "apply", path, "--no-probe", "--quiet"]
    for name, value in sorted(work.profile.variables.items()):
        command += ["--set", f"{name}={value}"]
    for key in sorted(work.keeping.allow):
        command += ["--allow", key]
    text = texts.boot_unit(work.profile.name, work.undo, command)
    wish = texts.boot_wish(work.profile.name, work.undo, unit)
    return {
        f"/etc/systemd/system/{unit}": text,
        f"/etc/systemd/system/sysinit.target.d/90-tunekit-{work.name}.conf": wish,
    }


def _changes(
    root_name: str, own: Mapping[str, str], wanted: Mapping[str, str | None], where: Path
) -> list[FileWrite]:
    from tunekit.engine.filing import edited

    changes = []
    with Root(where) as root:
        for path, text in wanted.items():
            before = own.get(path)
            change = FileWrite(root=root_name, path=path, before=before, text=text)
            if current(root, path) != before:
                raise edited(change)
            if before != text:
                changes.append(change)
    return changes


def _findings(work: _Work, wanted: Sequence[Wish], after: Sequence[Prospect]) -> Iterable[Finding]:
    """What boot will make of each setting with the files in place, and who is in the way."""
    for wish, prospect, setting in zip(wanted, after, work.profile.settings, strict=True):
        status, remedy = prospect.status, ""
        if status is Status.UNKNOWN and work.keeping.boot_unit:
            status = Status.PASS
        elif status is not Status.PASS and (
            wish.optional or (work.without.is_host and work.running(wish.key) is None)
        ):
            status = Status.SKIP
        elif status is not Status.PASS and prospect.winner is not None:
            remedy = f"change or remove the line in {prospect.winner.origin}"
        yield Finding(
            check="boot",
            status=status,
            subject=str(wish.key),
            expected=in_words(wish.requirements, wish.prefer),
            observed=prospect.value or "",
            reason=prospect.reason,
            remedy=remedy,
            location=setting.location,
        )


def unsettled(found: Draft) -> tuple[Finding, ...]:
    """The settings that boot will not keep in spite of the files."""
    return tuple(
        finding for finding in found.findings if finding.status in (Status.FAIL, Status.UNKNOWN)
    )
