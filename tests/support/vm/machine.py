"""Find QEMU and a kernel, and run one command in a guest.

Software emulation only (`-accel tcg`): the answer must be the same on a laptop, in a pipeline and
where virtualisation is not nested. QEMU is ended by its own process, never by name.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.vm import image

QEMU = "qemu-system-x86_64"
CACHE = image.ROOT / ".vm"
REPORT_PORT = "/dev/ttyS1"
# On a busy host too few ticks may come during the check of the timer, and the kernel would panic.
_COMMAND_LINE = "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check rdinit=/init"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a guest is booted with."""

    qemu: Path
    kernel: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came back from a guest.

    `records` are the JSON lines that the job wrote to REPORT_PORT; `exit_status` is the job's, or
    None when the guest ended or was ended before the job did; `console` is all that it printed.
    """

    records: tuple[Mapping[str, object], ...]
    exit_status: int | None
    console: str


def locate(kernel: Path | None = None) -> Machine | str:
    """Find the machine, or say in one line what is missing and what provides it.

    `kernel` is the image to boot, by default the one that the tests have.
    """
    if platform.machine() != "x86_64":
        return f"the guest is x86-64 and this host is {platform.machine()}"
    qemu = shutil.which(QEMU)
    if qemu is None:
        return f"no {QEMU}; install it with: apt-get install qemu-system-x86"
    kernel = kernel or _kernel()
    if kernel is None or not os.access(kernel, os.R_OK):
        return f"no kernel image to boot ({kernel or CACHE}); fetch one with: tools/fetch-kernel"
    return Machine(qemu=Path(qemu), kernel=kernel)


def _kernel() -> Path | None:
    if chosen := os.environ.get("TUNEKIT_VM_KERNEL"):
        return Path(chosen)
    # The newest first; the cloud flavour has a serial console built in and starts fastest.
    for folder, pattern in ((CACHE / "boot", "vmlinuz-*"), (Path("/boot"), "vmlinuz-*cloud-amd64")):
        found = sorted(path for path in folder.glob(pattern) if os.access(path, os.R_OK))
        if found:
            return found[-1]
    return None


def _modules(kernel: Path) -> list[Path]:
    """What tools/fetch-kernel kept beside the kernel, or what an installed one has."""
    version = kernel.name.removeprefix("vmlinuz-")
    kept = kernel.parent / f"modules-{version}"
    if kept.is_dir():
        return sorted(kept.glob("*.ko*"))
    installed = Path("/lib/modules", version)
    return [path for name in ("veth", "sch_netem") for path in installed.rglob(f"{name}.ko*")]


def run(
    machine: Machine,
    argv: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    timeout: float = 1200,
    memory: str = "2G",
    show: bool = False,
) -> Outcome:
    """Boot, run one command in the checkout as root, and power off.

    `timeout` is in seconds of wall time, after which QEMU is killed. `show` prints the console as
    it comes. The guest has a loopback interface and no other.
    """
    variables = {
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONPATH": str(image.ROOT),
        "TERM": "dumb",
        **(environment or {}),
    }
    with tempfile.TemporaryDirectory(prefix="tunekit-vm-") as name:
        folder = Path(name)
        initramfs = folder / "initramfs.cpio"
        image.write(initramfs, argv=argv, environment=variables, modules=_modules(machine.kernel))
        console = folder / "console"
        records = folder / "records"
        shown = "stdio,signal=off" if show else "null"
        command = [
            *(str(machine.qemu), "-accel", "tcg,thread=multi", "-cpu", "max,-la57"),
            *("-smp", "2", "-m", memory, "-nodefaults", "-display", "none", "-no-reboot"),
            *("-kernel", str(machine.kernel), "-initrd", str(initramfs)),
            *("-append", _COMMAND_LINE),
            *("-chardev", f"{shown},id=console,logfile={console}"),
            *("-serial", "chardev:console", "-serial", f"file:{records}"),
        ]
        _finish(command, timeout)
        return _outcome(records, console)


def _finish(command: Sequence[str], timeout: float) -> None:
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            pass
        finally:
            process.kill()


def _outcome(records: Path, console: Path) -> Outcome:
    lines = _text(records).splitlines()
    parsed = []
    for line in lines:
        try:
            parsed.append(json.loads(line))
        except ValueError:  # cut off when the guest was ended
            break
    status = None
    if parsed and "exit_status" in parsed[-1]:
        status = parsed.pop()["exit_status"]
    return Outcome(records=tuple(parsed), exit_status=status, console=_text(console))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
