"""Which file a profile's name stands for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tunekit.errors import UsageError
from tunekit.profile.problems import nearest, shown
from tunekit.values import is_glob

_ROOM = Path(__file__).resolve().parent.parent
# A wheel carries the profiles inside the package; in a checkout they lie beside it.
BUILT_IN = _ROOM / "profiles" if (_ROOM / "profiles").is_dir() else _ROOM.parent / "profiles"
DEFAULT_SEARCH = (Path("/etc/tunekit/profiles"), BUILT_IN)
"""Where a bare name is looked for, the first match winning."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}\Z")
_SUFFIXES = (".yaml", ".yml")


def looks_like_profile(argument: str) -> bool:
    """Tell whether an argument that could be a profile or a key is a profile.

    It is one if it ends in .yaml or .yml, begins with ./ or /, or has no separator; a glob
    without any of these is for keys.
    """
    return (
        argument.endswith(_SUFFIXES)
        or argument.startswith(("./", "/"))
        or not (re.search(r"[./]", argument) or is_glob(argument))
    )


def locate(profile: str, *, search: Sequence[Path], beside: Path | None = None) -> Path:
    """Return the file that a profile's name or path stands for.

    A path is taken as given, from the folder `beside` (the current one when None). A bare name,
    or NAME.yaml when there is no such file there, is looked for in `search`. Raises UsageError
    when there is none.
    """
    if not profile:
        raise UsageError("an empty argument", hint="name a profile; is a variable unset?")
    path = (beside or Path()) / profile
    is_file_name = profile.endswith(_SUFFIXES)
    if "/" in profile or (is_file_name and _is_there(path)):
        return path
    name = Path(profile).stem if is_file_name else profile
    if _NAME.match(name):
        for folder in search:
            for suffix in _SUFFIXES:
                if _exists(candidate := folder / f"{name}{suffix}"):
                    return candidate
    known = names(search)
    raise UsageError(
        "no such profile" + ("" if _NAME.match(name) else " and not a name for one"),
        key=shown(profile),
        hint=nearest(name, known) or f"write a path, or one of: {', '.join(known)}",
    )


def names(search: Sequence[Path] = DEFAULT_SEARCH) -> tuple[str, ...]:
    """The names of the profiles in the folders of `search`, sorted."""
    found: set[str] = set()
    for folder in search:
        try:
            found.update(entry.stem for entry in folder.iterdir() if entry.suffix in _SUFFIXES)
        except OSError:
            continue
    return tuple(sorted(found))


def _is_there(path: Path) -> bool:
    """Tell whether there is something of that name, if only a link or a pipe that will not do."""
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def spelling(path: str, *, search: Sequence[Path] = DEFAULT_SEARCH) -> str:
    """Return what a user may type for a profile's file: its bare name where that finds it."""
    file = Path(path)
    if file.parent in search:
        try:
            if locate(file.stem, search=search) == file:
                return file.stem
        except UsageError:
            pass
    return path
