"""The texts of the files that tunekit writes for boot: pure, and safe to be read by root.

Whatever comes from a profile stands behind a `#`, on one line, or is a value of known form. A
control character would begin another line, so that it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tunekit.errors import UsageError
from tunekit.files.writing import HEADER
from tunekit.records import dataclass

_WIDTH = 100
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]{1,200}\.(?:service|socket|mount|swap|slice|scope)\Z")
_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?\Z")
_VALUE = re.compile(r"[!-~]+(?:[ \t][!-~]+)*\Z")

RANKS = ("90-tunekit-", "99-tunekit-", "99-zz-tunekit-", "zz-tunekit-", "zzzz-tunekit-")
"""How the name of a file may begin, the most modest first: the last by name wins."""

PAM_ITEMS = {"nofile": 1, "nproc": 1, "sigpending": 1, "msgqueue": 1, "memlock": 1024, "core": 1024}
"""The limits that limits.conf(5) has under the same name, and in units of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A setting of a file: what stands in it, and why."""

    text: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftHard:
    """A limit of a process; -1 is no limit."""

    name: str
    soft: int
    hard: int
    reason: str = ""


def sysctl_line(key: str, value: str, reason: str) -> Line:
    """One line of sysctl.d, the same for both of its readers.

    Raises UsageError for a value that would not come out as it went in.
    """
    if not _VALUE.match(value or "x"):
        raise UsageError(
            f"{value!r} cannot stand in a file", key=key, hint="take another value for it"
        )
    return Line(text=f"{key} = {value}", reason=reason)


def document(profile: str, undo: str, lines: Iterable[Line], *, head: Sequence[str] = ()) -> str:
    """A file of settings with the profile's name and each reason as comments."""
    text = [f"{HEADER} for the profile {plain(profile)}; undo with: {plain(undo)}", *head]
    for line in lines:
        if line.reason:
            text += ["", *comment(line.reason)]
        text.append(line.text)
    return "\n".join(text) + "\n"


def comment(text: str) -> list[str]:
    """Text as comment lines of at most 100 characters."""
    from textwrap import wrap

    return [f"# {line}" for line in wrap(plain(text), _WIDTH - 2)]


def plain(text: str) -> str:
    """Refuse what would begin another line, or change how one is read. Raises UsageError."""
    if not text.isprintable():
        bad = next(char for char in text if not char.isprintable())
        raise UsageError(
            f"a control character ({bad!a}) in what would go to a file: {text!a}",
            hint="take it out of the profile",
        )
    # systemd joins a line that ends in a backslash with the next one, a comment's too.
    return text.rstrip("\\")


def refuse_unit(name: str) -> str:
    """The name of a unit that a drop-in can be written for. Raises UsageError."""
    unit = name if "." in name else f"{name}.service"
    if not _UNIT.match(unit) or unit.startswith((".", "-")) or ".." in unit:
        raise UsageError(
            f"{name!a} is not the name of a unit",
            hint="write it as `systemctl list-units` does, such as nginx.service",
        )
    return unit


def refuse_account(name: str) -> str:
    """The name of a user or group. Raises UsageError."""
    if not _ACCOUNT.match(name):
        raise UsageError(f"{name!a} is not the name of a user or group", hint="see getent passwd")
    return name


def pam_lines(domains: Sequence[str], limits: Iterable[SoftHard]) -> list[Line]:
    """Lines of limits.d: `nginx soft nofile 65536`. Raises UsageError for a limit it has not."""
    lines = []
    for limit in limits:
        unit = PAM_ITEMS.get(limit.name)
        if unit is None:
            raise UsageError(
                "limits.d has no such limit, or in another unit",
                key=f"rlimit.{limit.name}",
                hint="set it in the unit: --unit NAME",
            )
        for domain in domains:
            for kind, number in (("soft", limit.soft), ("hard", limit.hard)):
                value = "unlimited" if number < 0 else str(-(-number // unit))
                reason = limit.reason if kind == "soft" and domain == domains[0] else ""
                lines.append(Line(text=f"{domain} {kind} {limit.name} {value}", reason=reason))
    return lines


def unit_lines(limits: Iterable[SoftHard], *, manager: bool = False) -> list[Line]:
    """Lines of a drop-in: `LimitNOFILE=65536:65536`, or the manager's defaults."""
    section = "[Manager]" if manager else "[Service]"
    prefix = "DefaultLimit" if manager else "Limit"
    lines = [Line(text=section)]
    for limit in limits:
        soft, hard = (
            "infinity" if number < 0 else str(number) for number in (limit.soft, limit.hard)
        )
        text = f"{prefix}{limit.name.upper()}={soft}:{hard}"
        lines.append(Line(text=text, reason=limit.reason))
    return lines


def boot_unit(profile: str, undo: str, command: Sequence[str]) -> str:
    """A unit that applies a profile at each boot, before services start."""
    start = " ".join(map(_quoted, command))
    return (
        f"{HEADER} for the profile {plain(profile)}; undo with: {plain(undo)}\n"
        "[Unit]\n"
        f"Description=Apply the tunekit profile {_specifiers(plain(profile))}\n"
        "Documentation=man:sysctl.d(5)\n"
        "DefaultDependencies=no\n"
        "After=local-fs.target systemd-modules-load.service systemd-sysctl.service\n"
        "Before=sysinit.target shutdown.target\n"
        "Conflicts=shutdown.target\n"
        "RequiresMountsFor=/var/lib/tunekit\n"
        "\n"
        "[Service]\n"
        "Type=oneshot\n"
        "RemainAfterExit=yes\n"
        f"ExecStart={start}\n"
    )


def boot_wish(profile: str, undo: str, unit: str) -> str:
    """A drop-in of sysinit.target that starts a unit at boot."""
    return (
        f"{HEADER} for the profile {plain(profile)}; undo with: {plain(undo)}\n"
        f"[Unit]\nWants={unit}\n"
    )


def _quoted(word: str) -> str:
    """A word of ExecStart= (systemd.service(5), COMMAND LINES)."""
    word = plain(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{_specifiers(word)}"'


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")
