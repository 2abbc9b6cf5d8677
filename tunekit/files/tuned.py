"""The sysctl part of the active TuneD profile, which TuneD writes when it starts.

What follows is tuned/plugins/plugin_sysctl.py and tuned/profiles/loader.py: the profile's keys are
written after systemd-sysctl has run, and then (`reapply_sysctl`, on unless switched off) once more
what /run/sysctl.d, /etc/sysctl.d and /etc/sysctl.conf say, but nothing below /usr.
"""

from __future__ import annotations

from collections.abc import Iterator

from tunekit.files.model import Assignment, Origin, Writer
from tunekit.files.root import Root
from tunekit.records import dataclass

ACTIVE = "/etc/tuned/active_profile"
_MAIN = "/etc/tuned/tuned-main.conf"
_UNIT = "tuned.service"
_WANTS = "/etc/systemd/system/multi-user.target.wants"
_FOLDERS = (
    "/etc/tuned/profiles",
    "/etc/tuned",
    "/usr/lib/tuned/profiles",
    "/usr/lib/tuned",
)
_REAPPLIED = ("/etc/", "/run/")
_SWAP = str.maketrans("./", "/.")
_FALSE = frozenset({"0", "false", "n", "no", "off"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedProfile:
    """The profile that TuneD will activate at boot, and the keys that it sets, in their order."""

    names: tuple[str, ...]
    assignments: tuple[Assignment, ...]
    reapplies: bool

    def repeats(self, assignment: Assignment) -> bool:
        """Tell whether TuneD writes a line of sysctl.d once more, after its own."""
        return self.reapplies and assignment.origin.file.startswith(_REAPPLIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherOption:
    """A line of a tuned.conf that sets no key."""

    section: str
    key: str
    line: int


def read(root: Root) -> TunedProfile | None:
    """Find the active profile; None when TuneD does not start at boot or has none."""
    if _UNIT not in root.names(_WANTS):
        return None
    names = tuple((root.read(ACTIVE) or "").split())
    if not names:
        return None
    found: dict[str, Assignment] = {}
    for name in names:
        _load(root, name, found, ())
    return TunedProfile(
        names=names,
        assignments=tuple(found.values()),
        reapplies=_setting(root.read(_MAIN) or "", "reapply_sysctl") not in _FALSE,
    )


def _load(root: Root, name: str, found: dict[str, Assignment], above: tuple[str, ...]) -> None:
    if name in above or "/" in name or name.startswith("."):
        return
    for folder in _FOLDERS:
        file = f"{folder}/{name}/tuned.conf"
        text = root.read(file)
        if text is None:
            continue
        sections = list(_sections(text))
        for section, key, value, _ in sections:
            if section == "main" and key == "include":
                for parent in value.replace(";", ",").split(","):
                    _load(root, parent.strip(), found, (*above, name))
        for each in sysctls(text, file):
            if isinstance(each, Assignment):
                found.pop(each.path, None)
                found[each.path] = each
        return


def sysctls(text: str, file: str) -> Iterator[Assignment | OtherOption]:
    """The keys that the text of a tuned.conf sets, and what else stands in it. Pure."""
    sections = list(_sections(text))
    kinds = {section: value for section, key, value, _ in sections if key == "type"}
    for section, key, value, line in sections:
        is_sysctl = kinds.get(section, section) == "sysctl"
        if is_sysctl and key not in _OPTIONS:
            yield Assignment(
                path=key.translate(_SWAP),
                value=value,
                origin=Origin(file=file, line=line),
                writer=Writer.TUNED,
                # ${...} is a variable or a function, > and < depend on what is there.
                computed="${" in value or value.startswith((">", "<")),
            )
        elif not (is_sysctl and key == "type") and (section, key) != ("main", "summary"):
            yield OtherOption(section=section, key=key, line=line)


def has_sections(text: str) -> bool:
    """Tell whether a text looks like a tuned.conf: its first line that says something is a
    section.
    """
    lines = (line.strip() for line in text.split("\n"))
    first = next((line for line in lines if line and line[0] not in "#;"), "")
    return first.startswith("[") and "]" in first


_OPTIONS = frozenset({"type", "enabled", "devices", "replace", "devices_udev_regex", "priority"})


def _sections(text: str) -> Iterator[tuple[str, str, str, int]]:
    section = ""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and "]" in line:
            section = line[1 : line.index("]")]
            continue
        key, equals, value = line.partition("=")
        if equals:
            yield section, key.strip(), value.split(" #", 1)[0].strip(), number


def _setting(text: str, name: str) -> str:
    values = [value for _, key, value, _ in _sections(text) if key == name]
    return values[-1].lower() if values else ""
