"""The first process of the guest: mount what a host has, run the job, tell its end, power off.

The interpreter's own line is put in front when the image is built. Standard library only.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
import termios
import traceback
import tty
from pathlib import Path
from typing import Any

REPORT = "/dev/ttyS1"
_MOUNTS = (
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("tmpfs", "/run"),
    ("devpts", "/dev/pts"),
    ("tmpfs", "/dev/shm"),
    ("cgroup2", "/sys/fs/cgroup"),
)
_SIOCSIFFLAGS = 0x8914
_IFF_UP_RUNNING = 0x41
_RB_AUTOBOOT = 0x01234567


def main() -> None:
    """Run the job of `/job.json` and reset the machine, which ends QEMU (-no-reboot)."""
    status = 70
    try:
        _prepare()
        status = _run(json.loads(Path("/job.json").read_text(encoding="utf-8")))
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError), Path(REPORT).open("w", encoding="utf-8") as report:
            report.write(json.dumps({"exit_status": status}) + "\n")
        sys.stdout.flush()
        sys.stderr.flush()
        for port in (REPORT, "/dev/console"):
            _drain(port)
        os.sync()
        ctypes.CDLL(None).reboot(_RB_AUTOBOOT)


def _prepare() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for kind, target in _MOUNTS:
        Path(target).mkdir(parents=True, exist_ok=True)
        if libc.mount(kind.encode(), target.encode(), kind.encode(), 0, None) != 0:
            # The kernel mounts /dev itself under CONFIG_DEVTMPFS_MOUNT: busy is fine.
            print(f"mount {target}: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
    Path("/dev/shm").chmod(0o1777)
    for number, name in enumerate(("fd", "fd/0", "fd/1", "fd/2")):
        link = Path("/dev", ("fd", "stdin", "stdout", "stderr")[number])
        if not link.is_symlink():
            link.symlink_to(f"/proc/self/{name}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh22x", b"lo", _IFF_UP_RUNNING)
        fcntl.ioctl(control, _SIOCSIFFLAGS, request)
    with Path(REPORT).open("wb", buffering=0) as report:
        tty.setraw(report.fileno())


def _run(job: dict[str, Any]) -> int:
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            os.chdir(job["cwd"])
            os.execvpe(job["argv"][0], job["argv"], job["environment"])
        except OSError as error:
            print(f"{job['argv'][0]}: {error.strerror}", file=sys.stderr, flush=True)
            os._exit(127)
    # The first process inherits every orphan: reap them all until the job itself is done.
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def _drain(port: str) -> None:
    with contextlib.suppress(OSError, termios.error), Path(port).open("wb", buffering=0) as file:
        termios.tcdrain(file.fileno())


main()
