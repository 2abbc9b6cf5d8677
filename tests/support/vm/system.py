"""A guest with a disk and systemd as its first process: what boot does, reboots, power cuts.

The root file system is put together from this host's own files: systemd, Python, the packages and
the checkout. The kernel has drivers for NVMe and ext4 built in, so that there is no initramfs. What
the guest shall do is on a second disk; what came of it is written to a serial port.
"""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.vm import image, machine

_UNITS = ("sysinit.target", "local-fs.target", "systemd-sysctl.service", "shutdown.target")
_SYSTEMD = Path("/lib/systemd")
_PROGRAMS = ("systemctl", "systemd-sysctl", "sysctl", "cat", "date")
_BEGUN = "begun"
_ETC = {
    "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "/etc/os-release": "ID=debian\n",
    "/etc/systemd/system/default.target": (
        "[Unit]\nDefaultDependencies=no\nAllowIsolate=yes\n"
        "Requires=job.service\nAfter=job.service\n"
    ),
    "/etc/systemd/system/probe.service": (
        "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\n"
        "ExecStart=/bin/sh -c 'ulimit -Sn >/run/probe; ulimit -Hn >>/run/probe'\n"
    ),
    "/etc/systemd/system/job.service": (
        "[Unit]\nDefaultDependencies=no\nWants=sysinit.target probe.service\n"
        "After=sysinit.target probe.service\n"
        "[Service]\nType=oneshot\nStandardOutput=tty\nStandardError=tty\nTTYPath=/dev/ttyS0\n"
        "ExecStart=/job\n"
    ),
}
_JOB = """\
import ctypes, json, os, subprocess, sys
from pathlib import Path

def run(report):
    jobs = json.loads(Path("/dev/nvme1n1").read_bytes().rstrip(b"\\0"))
    for argv in jobs["commands"]:
        report.write(json.dumps({"begun": argv}) + "\\n")
        done = subprocess.run(argv, capture_output=True, text=True, cwd=jobs["cwd"],
                              env=jobs["environment"])
        report.write(json.dumps({"argv": argv, "code": done.returncode, "out": done.stdout,
                                 "err": done.stderr}) + "\\n")

with open("/dev/ttyS1", "w", buffering=1) as report:
    try:
        run(report)
    finally:
        report.flush()
        os.sync()
        ctypes.CDLL(None).reboot(0x01234567)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One command that the guest ran."""

    argv: Sequence[str]
    code: int
    out: str
    err: str


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

    def boot(
        self, commands: Sequence[Sequence[str]], *, cut_after: float | None = None
    ) -> list[Ran]:
        """Boot, run commands as root, and reset; returns those that came to their end.

        `cut_after` cuts the power that many seconds after the last command has begun.
        """
        jobs = self.folder / "jobs"
        environment = {
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "PATH": f"{image.interpreter_folder()}:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONPATH": str(image.ROOT),
        }
        text = json.dumps(
            {
                "commands": [list(argv) for argv in commands],
                "cwd": str(image.ROOT),
                "environment": environment,
            }
        )
        jobs.write_bytes(text.encode().ljust(-(-len(text) // 4096) * 4096, b"\0"))
        records = self.folder / "records"
        records.unlink(missing_ok=True)
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
            *("-serial", f"file:{console}", "-serial", f"file:{records}"),
        ]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
            try:
                if cut_after is None:
                    process.wait(300)
                else:
                    _wait_for(records, len(commands), process)
                    process.wait(cut_after)
            except subprocess.TimeoutExpired:
                pass
            finally:
                process.kill()
        self.consoles.append(console.read_text(errors="replace"))
        return _ran(records)


def _wait_for(records: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the guest has begun its last command, or has ended."""
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline:
        if records.exists() and records.read_text(errors="replace").count(f'"{_BEGUN}"') >= count:
            return
        # A serial port of QEMU that is a file cannot be waited for.
        time.sleep(0.02)


def _ran(records: Path) -> list[Ran]:
    found = []
    for line in records.read_text(errors="replace").splitlines() if records.exists() else ():
        try:
            record = json.loads(line)
        except ValueError:  # the power was cut in the middle of it
            break
        if _BEGUN not in record:
            found.append(Ran(**record))
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
    paths = [*image.system_paths(), *_systemd()]
    for path in [*paths, *image.libraries(paths)]:
        builder.add(path)
    builder.unpack(tree)
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
