"""A guest with a disk and systemd as its first process: what boot does, reboots, power cuts.

The root file system is put together from this host's own files: systemd, Python, the packages and
the checkout. The kernel has drivers for NVMe and ext4 built in, so that there is no initramfs. What
the guest shall do is on a second disk; what came of it is written to a serial port.
"""

from __future__ import annotations

import compileall
import json
import os
import select
import shutil
import stat
import subprocess
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.vm import image, machine

_UNITS = ("sysinit.target", "local-fs.target", "systemd-sysctl.service", "shutdown.target")
_SYSTEMD = Path("/lib/systemd")
WATCHED = "/var/lib/tunekit"
"""The folder of the guest in which a command's marks come and go: tunekit's journal is there."""
_PROGRAMS = ("systemctl", "systemd-sysctl", "sysctl", "cat", "date")
_ETC = {
    "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "/etc/os-release": "ID=debian\n",
    "/etc/systemd/system/default.target": (
        "[Unit]\nDefaultDependencies=no\nAllowIsolate=yes\n"
        "Requires=job.service\nAfter=job.service\n"
    ),
    "/etc/systemd/system/probe.service": (
        "[Unit]\nDefaultDependencies=no\n[Service]\nType=exec\n"
        "ExecStartPre=/bin/sh -c 'ulimit -Sn >/run/probe; ulimit -Hn >>/run/probe'\n"
        "ExecStart=/bin/sleep infinity\n"
    ),
    "/etc/systemd/system/job.service": (
        "[Unit]\nDefaultDependencies=no\nWants=sysinit.target probe.service\n"
        "After=sysinit.target probe.service\n"
        "[Service]\nType=oneshot\nStandardOutput=tty\nStandardError=tty\nTTYPath=/dev/ttyS0\n"
        "ExecStart=/job\n"
    ),
}
_JOB = """\
import ctypes, json, os, struct, subprocess, threading, time
from pathlib import Path

LIBC = ctypes.CDLL(None)
LOCK = threading.Lock()
CREATE, DELETE = 0x100, 0x200

def say(report, **record):
    with LOCK:
        report.write(json.dumps({**record, "at": time.monotonic()}) + "\\n")

def watch(folder, report):
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    notify = LIBC.inotify_init1(0)
    LIBC.inotify_add_watch(notify, bytes(folder), CREATE | DELETE)
    def follow():
        while data := os.read(notify, 4096):
            while data:
                _, kind, _, length = struct.unpack_from("iIII", data)
                name = os.fsdecode(data[16 : 16 + length].rstrip(b"\\0"))
                say(report, mark=f"{'+' if kind & CREATE else '-'}{name}")
                data = data[16 + length :]
    threading.Thread(target=follow, daemon=True).start()

def run(report):
    jobs = json.loads(Path("/dev/nvme1n1").read_bytes().rstrip(b"\\0"))
    watch(Path(jobs["watch"]), report)
    for argv in jobs["commands"]:
        say(report, begun=argv)
        done = subprocess.run(argv, capture_output=True, text=True, cwd=jobs["cwd"],
                              env=jobs["environment"])
        say(report, argv=argv, code=done.returncode, out=done.stdout, err=done.stderr)

with open("/dev/ttyS1", "w", buffering=1) as report:
    try:
        run(report)
    finally:
        report.flush()
        os.sync()
        LIBC.reboot(0x01234567)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One command that the guest ran.

    `marks` are what came (`+NAME`) and went (`-NAME`) meanwhile in the folder that is watched, and
    when, in seconds since the command had begun; `took` is how many it took.
    """

    argv: Sequence[str]
    code: int
    out: str
    err: str
    took: float
    marks: Sequence[tuple[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The moment when the power goes: how many seconds after a mark of the last command, by what
    ran before it; without a mark, after it has begun.
    """

    after: Callable[[Sequence[Ran]], float]
    mark: str = ""


@dataclass(slots=True, kw_only=True)
class System:
    """A machine with a disk, which keeps what was written to it from boot to boot."""

    machine: machine.Machine
    folder: Path
    consoles: list[str] = field(default_factory=list)

    @property
    def disk(self) -> Path:
        """The disk, a raw ext4 file system."""
        return self.folder / "disk.img"

    def make(self, files: Mapping[str, str]) -> None:
        """Make the disk anew, with files beside those of the system."""
        tree = self.folder / "tree"
        _plant(tree, files)
        self.disk.unlink(missing_ok=True)
        mke2fs = shutil.which("mke2fs", path="/usr/sbin:/sbin:/usr/bin") or "mke2fs"
        subprocess.run(
            [mke2fs, "-q", "-t", "ext4", "-d", str(tree), str(self.disk), "600M"],
            check=True,
            capture_output=True,
        )
        shutil.rmtree(tree)

    def copy(self, folder: Path) -> System:
        """The same machine with a disk of its own below a folder."""
        other = System(machine=self.machine, folder=folder)
        # Holes stay holes: most of the disk is empty.
        subprocess.run(["cp", "--sparse=always", self.disk, other.disk], check=True)
        return other

    def boot(self, commands: Sequence[Sequence[str]], *, cut: Cut | None = None) -> list[Ran]:
        """Boot, run commands as root, and reset; returns those that came to their end."""
        jobs = self.folder / "jobs"
        environment = {
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "PATH": f"{image.interpreter_folder()}:/usr/sbin:/usr/bin:/sbin:/bin",
        }
        text = json.dumps(
            {
                "commands": [list(argv) for argv in commands],
                "cwd": str(image.ROOT),
                "environment": environment,
                "watch": WATCHED,
            }
        )
        jobs.write_bytes(text.encode().ljust(-(-len(text) // 4096) * 4096, b"\0"))
        console = self.folder / "console"
        line = "root=/dev/nvme0n1 rw console=ttyS0 quiet panic=-1 mitigations=off no_timer_check"
        command = [
            *(str(self.machine.qemu), "-accel", "tcg,thread=multi", "-cpu", "max,-la57"),
            *("-smp", "2", "-m", "1G", "-nodefaults", "-display", "none", "-no-reboot"),
            *("-kernel", str(self.machine.kernel), "-append", line),
            *("-drive", f"file={self.disk},if=none,id=disk,format=raw"),
            *("-device", "nvme,serial=disk,drive=disk"),
            *("-drive", f"file={jobs},if=none,id=jobs,format=raw,readonly=on"),
            *("-device", "nvme,serial=jobs,drive=jobs"),
            *("-serial", f"file:{console}", "-serial", "stdio"),
        ]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            try:
                found = _follow(process, len(commands), cut)
            finally:
                process.kill()
        self.consoles.append(console.read_text(errors="replace"))
        return found


def _follow(process: subprocess.Popen[bytes], count: int, cut: Cut | None) -> list[Ran]:
    """Listen to what the guest reports, until it ends or the moment of the cut has come."""
    assert process.stdout is not None
    found: list[Ran] = []
    marks: list[tuple[str, float]] = []
    begun, start, rest = 0, 0.0, b""
    deadline = time.monotonic() + 300
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([process.stdout], [], [], left)[0]:
            break
        data = os.read(process.stdout.fileno(), 1 << 16)
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            record = json.loads(line)
            at, mark = record.pop("at"), record.get("mark", "")
            if "begun" in record:
                begun, start, marks = begun + 1, at, []
            elif mark:
                marks.append((mark, at - start))
            else:
                found.append(Ran(**record, took=at - start, marks=tuple(marks)))
            if cut is not None and begun == count and mark == cut.mark:
                deadline = time.monotonic() + cut.after(found)
                cut = None
    return found


def missing() -> str | None:
    """Say what this host lacks to make such a guest, None when nothing."""
    if not (_SYSTEMD / "systemd").exists():
        return "no systemd to put into the guest; install it with: apt-get install systemd"
    if not shutil.which("mke2fs", path="/usr/sbin:/sbin:/usr/bin"):
        return "no mke2fs; install it with: apt-get install e2fsprogs"
    return None


def _plant(tree: Path, files: Mapping[str, str]) -> None:
    """Put a root file system together in a folder."""
    builder = image.Tree()
    for folder in (*image.FOLDERS, "/etc", "/mnt"):
        builder.add_folder(folder)
    own = {**image.FILES, **_ETC, **files}
    for name, text in own.items():
        builder.add_text(name, text)
    job = f"#!{image.interpreter()} -I\n{_JOB}"
    builder.add_text("/job", job, mode=0o755)
    # As an installed command has it: what systemd starts gets no PYTHONPATH.
    builder.add_text(f"{sysconfig.get_path('purelib')}/checkout.pth", f"{image.ROOT}\n")
    paths = [*image.system_paths(), *_systemd()]
    for path in [*paths, *image.libraries(paths)]:
        builder.add(path)
    builder.unpack(tree)
    # Else each copy of the disk compiles them anew, ten times as slowly.
    package = image.ROOT / "tunekit"
    compileall.compile_dir(tree / str(package).lstrip("/"), ddir=str(package), quiet=1)
    for name, mode in (("tmp", 0o1777), ("root", 0o700)):
        (tree / name).chmod(stat.S_IMODE(mode))


def _systemd() -> list[Path]:
    names = ["systemd", "systemd-sysctl", "systemd-shutdown", "systemd-executor"]
    paths = [_SYSTEMD / name for name in names]
    paths += _SYSTEMD.glob("libsystemd-*.so")
    paths += Path("/usr/lib/x86_64-linux-gnu/systemd").glob("*.so")
    paths += [_SYSTEMD / "system" / unit for unit in _UNITS]
    paths.append(_SYSTEMD / "system/sysinit.target.wants/systemd-sysctl.service")
    search = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/lib/systemd"
    paths += [Path(p) for name in _PROGRAMS if (p := shutil.which(name, path=search))]
    paths.append(Path("/sbin/init"))
    return [path for path in paths if path.exists()]
