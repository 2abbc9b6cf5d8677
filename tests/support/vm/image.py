"""Build the initramfs that a guest runs from: this Python, its packages and the checkout.

The files keep the paths that they have on the host, so the virtual environment works in the guest
as it is. There is no disk and no network: everything is in the archive, which the
kernel unpacks before it starts `/init`. The format is "newc" of cpio(5), as
Documentation/driver-api/early-userspace/buffer-format.rst of the kernel describes it.
"""

from __future__ import annotations

import json
import lzma
import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

# What tests and tunekit itself may call in the guest, copied when the host has it.
_PROGRAMS = (
    "bash",
    "cat",
    "env",
    "id",
    "ip",
    "ls",
    "mount",
    "sh",
    "sleep",
    "su",
    "sysctl",
    "tc",
    "unshare",
)
# What `su` asks of PAM in tests/vm/test_pam_limits_vm.py.
_PAM_MODULES = ("pam_limits.so", "pam_permit.so", "pam_rootok.so")
_LEFT_OUT = frozenset({"ensurepip", "idlelib", "lib2to3", "site-packages", "dist-packages", "test"})
_PROJECT = ("tunekit", "tests", "profiles", "pyproject.toml", "README.md")
FILES = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "/etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "/etc/hostname": "guest\n",
    "/etc/hosts": "127.0.0.1 localhost guest\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
MODULES = "/modules"
FOLDERS = ("/dev", "/proc", "/root", "/run", "/sys", "/tmp", "/var/lib", "/var/tmp")


def write(
    target: Path,
    *,
    argv: Sequence[str],
    environment: Mapping[str, str],
    modules: Iterable[Path] = (),
) -> None:
    """Write an initramfs whose `/init` runs `argv` in the checkout and powers off. `modules` of
    the kernel are put into MODULES; nothing loads them.
    """
    tree = Tree()
    for folder in FOLDERS:
        tree.add_folder(folder)
    for name, text in FILES.items():
        tree.add_text(name, text)
    paths = system_paths()
    for path in [*paths, *libraries(paths)]:
        tree.add(path)
    init = (Path(__file__).parent / "init.py").read_text(encoding="utf-8")
    tree.add_text("/init", f"#!{interpreter()} -I\n{init}", mode=0o755)
    for module in modules:
        content = module.read_bytes()
        name = module.name.removesuffix(".xz")
        plain = content if name == module.name else lzma.decompress(content)
        tree.add_bytes(f"{MODULES}/{name}", plain)
    job = {"argv": list(argv), "cwd": str(ROOT), "environment": dict(environment)}
    tree.add_text("/job.json", json.dumps(job))
    target.parent.mkdir(parents=True, exist_ok=True)
    tree.save(target)


def system_paths() -> list[Path]:
    """Everything of this host that the checkout needs to run: Python, packages, programs."""
    return [*_interpreter(), *_packages(), *_project(), *_programs()]


def interpreter() -> str:
    """The interpreter itself, without the links that lead to it."""
    return os.path.realpath(sys.executable)


def interpreter_folder() -> Path:
    """Where the interpreter and the project's command are found."""
    return Path(sys.executable).parent


def _interpreter() -> Iterator[Path]:
    """The interpreter, its standard library and the skeleton of the virtual environment."""
    executable = Path(sys.executable)
    yield executable
    yield Path(os.path.realpath(executable))
    yield from executable.parent.glob("python*")
    yield executable.parent / "tunekit"
    yield Path(sys.prefix) / "pyvenv.cfg"
    yield from _walk(Path(sysconfig.get_path("stdlib")))
    yield Path("/etc/ld.so.cache")


def _packages() -> Iterator[Path]:
    """The files of every distribution that the project and its tests need, and of theirs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    for distribution in _closure(wanted):
        for file in distribution.files or ():
            path = Path(os.path.normpath(str(file.locate())))
            if path.suffix in {".so", ".py", ".pyc", ".json"} or ".dist-info" in file.parts[0]:
                yield path


def _closure(requirements: Iterable[str]) -> list[metadata.Distribution]:
    from packaging.requirements import Requirement

    found: dict[str, metadata.Distribution] = {}
    pending = [Requirement(text) for text in requirements]
    while pending:
        requirement = pending.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        marker = requirement.marker
        if name not in found and (marker is None or marker.evaluate({"extra": ""})):
            found[name] = metadata.distribution(name)
            pending += [Requirement(text) for text in found[name].requires or ()]
    return list(found.values())


def _project() -> Iterator[Path]:
    for name in _PROJECT:
        path = ROOT / name
        yield from _walk(path) if path.is_dir() else (path,)


def _programs() -> Iterator[Path]:
    # `sysctl` and `ip` are in sbin, which is not on every user's PATH.
    search = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    for name in _PROGRAMS:
        if found := shutil.which(name, path=search):
            yield Path(found)
    for name in _PAM_MODULES:
        yield from Path("/lib").glob(f"*/security/{name}")


def libraries(paths: Iterable[Path]) -> list[Path]:
    """The shared libraries that the dynamic loader would find for the programs among `paths`."""
    binaries = [str(path) for path in paths if _is_elf(path)]
    listing = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=False)
    return [Path(path) for path in sorted(set(re.findall(r"(/\S+) \(0x", listing.stdout)))]


def _is_elf(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT_OUT and name[0] != "."]
        for name in files:
            if not name.endswith((".opt-1.pyc", ".opt-2.pyc", ".a")):
                yield Path(parent) / name


class Tree:
    """A file tree for the archive: path to what is there."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, int, Path | bytes]] = {}

    def add(self, path: Path) -> None:
        """Add a file of the host, with every folder and symbolic link on the way to it.

        What is not there is left out.
        """
        for ancestor in [*reversed(path.parents), path]:
            if ancestor.is_symlink():
                target = ancestor.readlink()
                link = (stat.S_IFLNK | 0o777, 0, str(target).encode())
                self._entries[str(ancestor)] = link
                rest = path.relative_to(ancestor)
                self.add(Path(os.path.normpath(ancestor.parent / target / rest)))
                return
            if ancestor.is_dir():
                self.add_folder(str(ancestor))
            elif ancestor.is_file() and str(ancestor) not in self._entries:
                status = ancestor.stat()
                # The time of change decides whether compiled Python is still good.
                entry = (status.st_mode, int(status.st_mtime), ancestor)
                self._entries[str(ancestor)] = entry

    def add_folder(self, path: str) -> None:
        for ancestor in [Path(path), *Path(path).parents]:
            if str(ancestor) in self._entries:
                return
            mode = 0o1777 if str(ancestor) in {"/tmp", "/var/tmp"} else 0o755
            self._entries[str(ancestor)] = (stat.S_IFDIR | mode, 0, b"")

    def add_text(self, path: str, text: str, *, mode: int = 0o644) -> None:
        self.add_bytes(path, text.encode(), mode=mode)

    def add_bytes(self, path: str, content: bytes, *, mode: int = 0o644) -> None:
        self.add_folder(str(Path(path).parent))
        self._entries[path] = (stat.S_IFREG | mode, 0, content)

    def unpack(self, folder: Path) -> None:
        """Make the tree below a folder, as files."""
        # Sorted, a folder comes before what is in it.
        for path, (mode, _, content) in sorted(self._entries.items()):
            target = folder / path.lstrip("/")
            if stat.S_ISDIR(mode):
                target.mkdir(exist_ok=True)
            elif stat.S_ISLNK(mode):
                target.symlink_to(os.fsdecode(content))
            elif isinstance(content, Path):
                shutil.copy2(content, target)
            else:
                target.write_bytes(content)
                target.chmod(stat.S_IMODE(mode))

    def save(self, target: Path) -> None:
        temporary = target.with_suffix(".part")
        with temporary.open("wb") as archive:
            # Sorted, a folder comes before what is in it.
            for number, (path, entry) in enumerate(sorted(self._entries.items()), 1):
                mode, mtime, content = entry
                data = content if isinstance(content, bytes) else content.read_bytes()
                archive.write(_member(path.lstrip("/") or ".", number, mode, mtime, data))
            archive.write(_member("TRAILER!!!", 0, 0, 0, b""))
        temporary.replace(target)


def _member(name: str, inode: int, mode: int, mtime: int, data: bytes) -> bytes:
    encoded = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, mtime, len(data), 0, 0, 0, 0, len(encoded), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    return header + b"\0" * (-len(header) % 4) + data + b"\0" * (-len(data) % 4)
