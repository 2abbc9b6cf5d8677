"""What the running systemd has loaded of a unit, which may not be what its files say by now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_BOOTED = Path("/run/systemd/system")
_INFINITY = ("infinity", str((1 << 64) - 1))
_SECONDS = 10
_NAMES = (
    *("cpu", "fsize", "data", "stack", "core", "rss", "nofile", "as", "nproc", "memlock", "locks"),
    *("sigpending", "msgqueue", "nice", "rtprio", "rttime"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedUnit:
    """A unit as systemd has it. `load` is its word for that, such as `loaded` or `not-found`.

    `limits` are those of its next start, soft and hard, -1 for unlimited. `main_pid` is its main
    process, None while it does not run. `stale` says that its files have changed since.
    """

    name: str
    load: str
    main_pid: int | None = None
    stale: bool = False
    user: str = ""
    limits: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def is_running(booted: Path = _BOOTED) -> bool:
    """Tell whether systemd runs this host (sd_booted(3))."""
    return booted.is_dir()


def loaded_unit(name: str) -> LoadedUnit | None:
    """Ask the running systemd about a unit; None where it does not run or does not answer."""
    if not is_running():
        return None
    import subprocess

    properties = ["Id", "LoadState", "MainPID", "NeedDaemonReload", "User"]
    properties += [f"Limit{each.upper()}{suffix}" for each in _NAMES for suffix in ("", "Soft")]
    command = ["systemctl", "show", f"--property={','.join(properties)}", "--", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_properties(done.stdout)


def parse_properties(text: str) -> LoadedUnit:
    """Read the output of `systemctl show`."""
    said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    limits = {}
    for name in _NAMES:
        pair = (said.get(f"Limit{name.upper()}Soft", ""), said.get(f"Limit{name.upper()}", ""))
        if all(value in _INFINITY or value.isdigit() for value in pair):
            soft, hard = (-1 if value in _INFINITY else int(value) for value in pair)
            limits[name] = soft, hard
    return LoadedUnit(
        name=said.get("Id", ""),
        load=said.get("LoadState", ""),
        main_pid=int(said.get("MainPID", "0") or 0) or None,
        stale=said.get("NeedDaemonReload") == "yes",
        user=said.get("User", ""),
        limits=limits,
    )
