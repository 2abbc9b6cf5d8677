"""The active TuneD profile: what TuneD writes to keys when it starts, after sysctl.d.

What follows is TuneD's own code, 2.20 to 2.27: daemon/daemon.py says which profiles, and that an
error in one of them leaves all of it undone (tuned_profiles.py makes one of them);
units/manager.py orders its sections; plugins/plugin_sysctl.py writes, and then (`reapply_sysctl`)
once more what /run/sysctl.d, /etc/sysctl.d and /etc/sysctl.conf say, in a reading of its own:
/run before /etc, no wildcards, each line in its order. plugins/plugin_vm.py sets four keys in
releases after 2.20. Scripts of a profile are not looked into.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch

from tunekit.files import tuned_conf
from tunekit.files.model import Assignment, Origin, Unread, Writer
from tunekit.files.root import Root
from tunekit.files.tuned_profiles import Loader, Refused, Unit, Variables
from tunekit.records import dataclass

ACTIVE = "/etc/tuned/active_profile"
_MODE = "/etc/tuned/profile_mode"
_AFTERWARDS = "/etc/tuned/post_loaded_profile"
_MAIN = "/etc/tuned/tuned-main.conf"
_UNIT = "tuned.service"
_WANTS = "/etc/systemd/system/multi-user.target.wants"
_FOLDERS = ("/usr/lib/tuned", "/etc/tuned")
_NEWER_FOLDERS = ("/usr/lib/tuned/profiles", "/etc/tuned/profiles")
_SYSCTL_D = ("/run/sysctl.d", "/etc/sysctl.d")
_SYSCTL_CONF = "/etc/sysctl.conf"
_REFUSED = frozenset({"base_reachable_time", "retrans_time"})
_BOOLEANS = {
    **dict.fromkeys(("1", "yes", "true", "on"), True),
    **dict.fromkeys(("0", "no", "false", "off"), False),
}
# In the order in which plugin_vm.py has them; `30%` of the first of a pair means the second.
_DIRTY = {
    "dirty_bytes": "dirty_ratio",
    "dirty_ratio": "",
    "dirty_background_bytes": "dirty_background_ratio",
    "dirty_background_ratio": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedProfile:
    """The profile that TuneD will activate at boot.

    `writes` is all that it writes, in order; what it repeats of sysctl.d are those very lines, if
    both read them alike.
    """

    names: tuple[str, ...]
    writes: tuple[Assignment, ...]


def read(root: Root, lines: Iterable[Assignment] = ()) -> TunedProfile | None:
    """Find the active profile; None when TuneD does not start at boot, has none or refuses it.

    `lines` are those of sysctl.d. A profile that TuneD will choose or find only then goes to
    the root's `unread`.
    """
    if _UNIT not in root.names(_WANTS):
        return None
    try:
        settings = _Settings(root)
        names = _names(root)
        if not names:
            return None
        units = Loader(root, settings.folders, keeps_priority=settings.keeps_priority).load(names)
        return TunedProfile(
            names=tuple(names), writes=tuple(_writes(root, settings, units, tuple(lines)))
        )
    except Refused:
        return None


def _names(root: Root) -> list[str]:
    """The profiles that are active, one on top of the other."""
    active = (root.read(ACTIVE) or "").strip()
    mode = (root.read(_MODE) or "").strip()
    if mode not in ("", "auto", "manual"):
        raise Refused
    if not active and mode != "manual":
        # In `auto` with a name, that is the one that TuneD chose last, for this same machine.
        cause = "TuneD chooses a profile by the hardware when it starts"
        root.unread.append(Unread(path=ACTIVE, cause=cause, undecided=True))
        return []
    later = (root.read(_AFTERWARDS) or "").strip()
    if len(later.split()) > 1:
        raise Refused
    return [*active.split(), *later.split()]


class _Settings:
    """What tuned-main.conf says, and which TuneD this is."""

    def __init__(self, root: Root) -> None:
        text = root.read(_MAIN)
        if text is None:
            raise Refused
        found = tuned_conf.sections(tuned_conf.parse(text, section="-"))
        if found is None:
            raise Refused
        present = {key: each.value or "" for key, each in found["-"].items()}
        reapply = _BOOLEANS.get(present.get("reapply_sysctl", "1").lower())
        if reapply is None:
            raise Refused
        self.reapplies = reapply
        self.not_reapplied: tuple[str, ...] = ()
        if not _program(root, "plugins/plugin_sysctl.py", lacks="REAPPLY_SYSCTL_EXCLUDE"):
            self.not_reapplied = _listed(present.get("reapply_sysctl_exclude", ""))
        self.uname: str | None = present.get("uname_string")
        self.cpuinfo: str | None = present.get("cpuinfo_string")
        if self.uname is None and root.is_host:
            self.uname = " ".join(os.uname())
        if self.cpuinfo is None and root.is_host:
            self.cpuinfo = root.read("/proc/cpuinfo")
        self.priority = _number(present.get("default_instance_priority", "0"))
        newer = "profiles" in root.names("/usr/lib/tuned")
        self.folders: tuple[str, ...] = _FOLDERS
        if newer:
            self.folders = _listed(present.get("profile_dirs", "")) or _NEWER_FOLDERS
        # 2.25 keeps the priority that a section has in the first profile.
        self.keeps_priority = _program(root, "profiles/merger.py", lacks="priority") and not (
            _program(root, "profiles/unit.py", lacks="priority")
        )
        self.keeps_slashes = _program(root, "plugins/plugin_sysctl.py", lacks='"./", "/."')
        self.sets_dirty = not _program(root, "plugins/plugin_vm.py", lacks="/proc/sys/vm")


def _program(root: Root, name: str, *, lacks: str) -> bool:
    """Whether a file of TuneD's is there and lacks a text; without it TuneD is taken for new."""
    for python in root.names("/usr/lib"):
        for folder in ("dist-packages", "site-packages") if python.startswith("python3") else ():
            text = root.read(f"/usr/lib/{python}/{folder}/tuned/{name}")
            if text is not None:
                return lacks not in text
    return False


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split("[,;]", text)) if text.strip() else ()


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise Refused from error


def _writes(
    root: Root, settings: _Settings, units: dict[str, Unit], lines: tuple[Assignment, ...]
) -> Iterator[Assignment]:
    variables = Variables(root, units.pop("variables", None))
    enabled = [unit for unit in units.values() if unit.enabled]
    numbers = {
        id(unit): _number(unit.about["priority"]) if "priority" in unit.about else settings.priority
        for unit in enabled
    }
    for unit in sorted(enabled, key=lambda unit: numbers[id(unit)]):
        fits = _fits(unit, settings, variables)
        if fits is False:
            continue
        if unit.kind == "sysctl":
            yield from _sysctls(unit, settings, variables, certain=fits is True)
            if settings.reapplies:
                yield from _repeated(root, settings, lines)
        elif unit.kind == "vm" and settings.sets_dirty:
            yield from _dirty(unit, variables, certain=fits is True)


def _fits(unit: Unit, settings: _Settings, variables: Variables) -> bool | None:
    """Whether a section is for this machine; None where that cannot be told."""
    outcome: bool | None = True
    for option, text in (("cpuinfo_regex", settings.cpuinfo), ("uname_regex", settings.uname)):
        if option not in unit.about:
            continue
        pattern = variables.expand(unit.about[option])
        if pattern is None or text is None:
            outcome = None
            continue
        try:
            matches = re.search(pattern, text, re.MULTILINE)
        except re.error as error:
            raise Refused from error
        if matches is None:
            return False
    return outcome


def _sysctls(
    unit: Unit, settings: _Settings, variables: Variables, *, certain: bool
) -> Iterator[Assignment]:
    for key, (raw, origin) in unit.options.items():
        value = variables.expand(tuned_conf.unquote(raw))
        if value != "" and _is_written(key):
            yield tuned_conf.assignment(
                key,
                raw if value is None else value,
                origin,
                computed=value is None or not certain,
                keeps_slashes=settings.keeps_slashes,
            )


def _is_written(key: str) -> bool:
    return re.split("[./]", key)[-1] not in _REFUSED


def _dirty(unit: Unit, variables: Variables, *, certain: bool) -> Iterator[Assignment]:
    for option, share in _DIRTY.items():
        if option not in unit.options:
            continue
        raw, origin = unit.options[option]
        value = variables.expand(raw)
        if value is not None and value.strip().endswith("%") and share:
            option, value = share, value.strip().rstrip("%")
        if value is not None and not _is_dirty(option, value):
            continue
        yield Assignment(
            path=f"vm/{option}",
            value=raw if value is None else value,
            origin=origin,
            writer=Writer.TUNED,
            computed=value is None or not certain,
        )


def _is_dirty(option: str, value: str) -> bool:
    try:
        number = int(value)
    except ValueError:
        return False
    if option.endswith("ratio"):
        return 0 <= number <= 100
    return number >= (2 * os.sysconf("SC_PAGESIZE") if option == "dirty_bytes" else 1)


def _repeated(
    root: Root, settings: _Settings, lines: tuple[Assignment, ...]
) -> Iterator[Assignment]:
    """What TuneD writes once more of sysctl.d."""
    known = {each.origin: each for each in lines}
    folders: dict[str, str] = {}
    for folder in _SYSCTL_D:
        for name in root.names(folder):
            if name.endswith(".conf"):
                folders.setdefault(name, folder)
    files = [*(f"{folders[name]}/{name}" for name in sorted(folders)), _SYSCTL_CONF]
    for file in files:
        text = root.read(file) or ""
        if any(map(_is_surrogate, text)):
            # TuneD gives up at what is no UTF-8, and at a path that cannot be one.
            return
        for number, line in enumerate(tuned_conf.lines(text), 1):
            key, equals, value = (part.strip() for part in line.strip().partition("="))
            if key[:1] in ("", "#", ";") or not equals or not value or not _is_written(key):
                continue
            if any(fnmatch(key, pattern) for pattern in settings.not_reapplied):
                continue
            if "\0" in key:
                return
            found = Assignment(
                path=tuned_conf.path(key, keeps_slashes=settings.keeps_slashes),
                value=value,
                origin=Origin(file=file, line=number),
                writer=Writer.TUNED,
            )
            same = known.get(found.origin)
            yield same if same and (same.path, same.value) == (found.path, value) else found


def _is_surrogate(char: str) -> bool:
    return "\udc80" <= char <= "\udcff"
