"""Which kernel modules there are to load: the files of depmod(8)."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tunekit.kernel.readings import Value
from tunekit.kernel.sysctl import Sysctls
from tunekit.values import SysctlKey

_MODULES_DISABLED = SysctlKey(("kernel", "modules_disabled"))
_MODPROBE = SysctlKey(("kernel", "modprobe"))
_SUFFIX = re.compile(r"\.ko(?:\.\w+)?\Z")


def loadable(name: str, *, root: Path = Path("/"), release: str | None = None) -> bool:
    """Tell whether the kernel has a module, or would load it when something asks for it by name.

    `-` and `_` are the same in a module's name. A module counts when it is loaded, built in, or a
    file of the running release while loading is not switched off; `release` is uname's.
    """
    wanted = _normal(name)
    folder = root / "lib/modules" / (release or os.uname().release)
    if wanted in parse_loaded(_read(root / "proc/modules")):
        return True
    if (root / "sys/module" / wanted).is_dir():
        return True
    if wanted in parse_built_in(_read(folder / "modules.builtin")):
        return True
    if wanted in parse_aliases(_read(folder / "modules.builtin.modinfo")):
        return True
    return _may_load(root) and _has_file(folder, wanted)


def parse_loaded(text: str) -> frozenset[str]:
    """List the names in /proc/modules."""
    return frozenset(line.split(" ", 1)[0] for line in text.splitlines())


def parse_built_in(text: str) -> frozenset[str]:
    """List the names in modules.builtin, or before the colons of modules.dep."""
    return frozenset(_module_of(line.split(":", 1)[0]) for line in text.splitlines() if line)


def parse_aliases(text: str) -> frozenset[str]:
    """List the plain aliases in modules.builtin.modinfo: `MODULE.alias=ALIAS`, NUL after each."""
    return frozenset(
        _normal(alias)
        for record in text.split("\0")
        for field, _, alias in [record.partition("=")]
        if field.endswith(".alias")
    )


def _may_load(root: Path) -> bool:
    sysctls = Sysctls(root / "proc/sys")
    if sysctls.read(_MODULES_DISABLED) == Value("1"):
        return False
    # The kernel runs this program to load a module on demand; without one it loads none.
    return sysctls.read(_MODPROBE) != Value("")


def _has_file(folder: Path, wanted: str) -> bool:
    listed = _read(folder / "modules.dep")
    if listed:
        return wanted in parse_built_in(listed)
    return False


def _module_of(path: str) -> str:
    return _normal(_SUFFIX.sub("", path.rpartition("/")[2]))


def _normal(name: str) -> str:
    return name.replace("-", "_")


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
