"""Which kernel modules are loaded at boot: modules-load.d(5), and /etc/modules before it."""

from __future__ import annotations

from tunekit.files.root import Root

_FOLDERS = (
    "/etc/modules-load.d",
    "/run/modules-load.d",
    "/usr/local/lib/modules-load.d",
    "/usr/lib/modules-load.d",
)
_OLD_FILE = "/etc/modules"


def at_boot(root: Root) -> frozenset[str]:
    """The modules that some file asks for, with `_` for `-`."""
    files = {
        name: f"{folder}/{name}"
        for folder in reversed(_FOLDERS)
        for name in root.names(folder)
        if name.endswith(".conf") and not name.startswith(".")
    }
    texts = [root.read(path) or "" for path in (_OLD_FILE, *files.values())]
    lines = [line.strip() for text in texts for line in text.split("\n")]
    return frozenset(
        line.split()[0].replace("-", "_") for line in lines if line and line[0] not in "#;"
    )


def built_in(root: Root, release: str) -> frozenset[str]:
    """The modules that a kernel has inside of it."""
    text = root.read(f"/lib/modules/{release}/modules.builtin") or ""
    names = (line.rpartition("/")[2].partition(".ko")[0] for line in text.split("\n"))
    return frozenset(name.replace("-", "_") for name in names if name)
