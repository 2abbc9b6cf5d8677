"""The limits that container runtimes give to containers, where nobody asks for others.

What the runtime's own configuration does not set, a container inherits from the daemon that starts
it, and so from that daemon's systemd unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tunekit.files.limits_d import UNLIMITED, Side
from tunekit.files.model import Origin
from tunekit.files.root import Root

RUNTIMES = ("docker", "containerd", "crio", "podman")
PODMAN_DEFAULT = 1_048_576
"""nofile and nproc of a container that root's podman starts (RLimitDefaultValue in libpod/define).
"""

_DOCKER = "/etc/docker/daemon.json"
_LIMIT = re.compile(r"([a-z]+)=(-?[0-9]+)(?::(-?[0-9]+))?\Z")

Sides = dict[str, tuple[Side, Side]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadFile:
    """A file of a runtime that cannot be understood; the runtime does not start with it."""

    path: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Containers:
    """What a runtime gives its containers by its own configuration, and the unit that it runs as.

    `units` are tried in turn; without any, what is not in `limits` is that of who starts one.
    """

    limits: Mapping[str, tuple[Side, Side]] = field(default_factory=dict)
    units: tuple[str, ...] = ()
    bad: tuple[BadFile, ...] = ()


def read_runtime(root: Root, runtime: str) -> Containers:
    """Read the configuration of one of RUNTIMES."""
    if runtime == "docker":
        limits, bad = _docker(root)
        return Containers(limits=limits, units=("containerd.service", "docker.service"), bad=bad)
    if runtime == "crio":
        limits, bad = _listed(root, _crio_files(root), ("crio", "runtime", "default_ulimits"))
        return Containers(limits=limits, units=("crio.service",), bad=bad)
    if runtime == "podman":
        limits, bad = _listed(root, _podman_files(root), ("containers", "default_ulimits"))
        side = Side(value=PODMAN_DEFAULT, origin=Origin(file="podman's default"))
        return Containers(limits={"nofile": (side, side), "nproc": (side, side)} | limits, bad=bad)
    return Containers(units=("containerd.service",))


def _docker(root: Root) -> tuple[Sides, tuple[BadFile, ...]]:
    import json

    text = root.read(_DOCKER)
    if text is None:
        return {}, ()
    try:
        said = json.loads(text)["default-ulimits"]
        found: Sides = {}
        for name, limit in said.items():
            origin = Origin(file=_DOCKER, line=_line(text, f'"{name}"'))
            soft, hard = (Side(value=int(limit[key]), origin=origin) for key in ("Soft", "Hard"))
            found[name] = soft, hard
    except KeyError as error:
        missing = error.args[0]
        return {}, () if missing == "default-ulimits" else (_bad(_DOCKER, f"no {missing}"),)
    except (ValueError, TypeError, AttributeError) as error:
        return {}, (_bad(_DOCKER, str(error)),)
    return found, ()


def _line(text: str, word: str) -> int:
    """The line of a word after the object that it stands in, 0 where it is not found."""
    start = text.find('"default-ulimits"')
    place = text.find(word, start + 1)
    return text.count("\n", 0, place) + 1 if start >= 0 and place >= 0 else 0


def _crio_files(root: Root) -> Iterator[str]:
    yield "/etc/crio/crio.conf"
    yield from _folder(root, "/etc/crio/crio.conf.d")


def _podman_files(root: Root) -> Iterator[str]:
    yield "/usr/share/containers/containers.conf"
    yield "/etc/containers/containers.conf"
    yield from _folder(root, "/etc/containers/containers.conf.d")


def _folder(root: Root, folder: str) -> Iterator[str]:
    yield from (f"{folder}/{name}" for name in root.names(folder) if name.endswith(".conf"))


def _listed(
    root: Root, files: Iterator[str], path: tuple[str, ...]
) -> tuple[Sides, tuple[BadFile, ...]]:
    """The limits of a list of texts `NAME=SOFT:HARD`; the last file that has one wins."""
    import tomllib

    found: Sides = {}
    bad: list[BadFile] = []
    for file in files:
        text = root.read(file)
        if text is None:
            continue
        try:
            said: Any = tomllib.loads(text)
            for key in path:
                said = said.get(key, {}) if isinstance(said, dict) else {}
            found = _limits(said, file, text) if isinstance(said, list) else found
        except ValueError as error:
            bad.append(_bad(file, str(error)))
    return found, tuple(bad)


def _limits(said: list[Any], file: str, text: str) -> Sides:
    found: Sides = {}
    for each in said:
        match = _LIMIT.match(str(each))
        if match is None:
            raise ValueError(f"{each!r} is not NAME=SOFT:HARD")
        line = text.count("\n", 0, max(0, text.find(str(each)))) + 1
        origin = Origin(file=file, line=line)
        soft, hard = (
            Side(value=max(int(digits), UNLIMITED), origin=origin)
            for digits in (match[2], match[3] or match[2])
        )
        found[match[1]] = soft, hard
    return found


def _bad(path: str, why: str) -> BadFile:
    return BadFile(path=path, why=why)
