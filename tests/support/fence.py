"""The fence: where a test may write real sysctls, and nothing of it reaches the host.

Inside, the process is alone in a network namespace and a mount namespace. /proc/sys is read-only
but for /proc/sys/net, which belongs to the new network namespace; /run is empty; what is written
to /etc and /var/lib lands in memory. The host's own keys (fs.*, vm.*, kernel.*) cannot be tested
here at all: they are one for the whole host, and belong into a virtual machine (tests/vm).

As a program it runs a command inside: `python tests/support/fence.py COMMAND...`.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

MARK = "TUNEKIT_FENCED"
"""Set in the environment of everything that runs inside."""

_CLONE_NEWNS = 0x00020000
_CLONE_NEWNET = 0x40000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT = 1, 2, 4, 32
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1

_libc = ctypes.CDLL(None, use_errno=True)


def enter() -> None:
    """Put this process inside a fence of its own, for good. Needs root.

    Raises OSError, naming the step, when the kernel or the container does not let us.
    """
    os.environ[MARK] = "1"
    _check(_libc.unshare(_CLONE_NEWNS | _CLONE_NEWNET), "unshare mount and network namespaces")
    # Otherwise the mounts below would show on the host.
    _mount(None, "/", flags=_MS_REC | _MS_PRIVATE)
    _mount("tmpfs", "/run", kind="tmpfs", flags=_MS_NOSUID | _MS_NODEV, data="mode=0755")
    for folder in ("lock", "netns", "fence"):
        Path("/run", folder).mkdir()
    for folder in ("/etc", "/var/lib"):
        _cover(folder)
    _fence_sysctls()
    _raise_loopback()


def unshare_network() -> None:
    """Move this process to yet another new network namespace, with its loopback up.

    A tool that is told to act elsewhere must not act here.
    """
    _check(_libc.unshare(_CLONE_NEWNET), "unshare network namespace")
    _raise_loopback()


def name_network(name: str) -> None:
    """Give this process's network namespace a name below /run/netns, as `ip netns attach` does."""
    if MARK not in os.environ:
        raise RuntimeError("outside the fence, this would write the host's /run/netns")
    path = Path("/run/netns", name)
    path.touch()
    _mount("/proc/thread-self/ns/net", str(path), flags=_MS_BIND)


def show(source: Path, target: str) -> None:
    """Have a folder stand in the place of another one."""
    if MARK not in os.environ:
        raise RuntimeError("outside the fence, this would cover the host's folder")
    _mount(str(source), target, flags=_MS_BIND)


def command(argv: Sequence[str]) -> list[str]:
    """Wrap a command so that it runs inside a fence of its own."""
    return [sys.executable, str(Path(__file__).resolve()), *argv]


def obstacle() -> str | None:
    """Say why there can be no fence here, None if there can."""
    if os.geteuid() != 0:
        return "the fence needs root: sudo -E python -m pytest tests/kernel tests/cli"
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            enter()
        except OSError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        cause = pipe.read()
    os.waitpid(pid, 0)
    if cause:
        return f"no fence here ({cause}): run as root of the host, or in a privileged container"
    return None


def _cover(folder: str) -> None:
    # Reads go to the host's folder, writes to memory.
    base = Path("/run/fence", folder.strip("/").replace("/", "-"))
    upper, work = base / "upper", base / "work"
    upper.mkdir(parents=True)
    work.mkdir()
    layers = f"lowerdir={folder},upperdir={upper},workdir={work}"
    _mount("overlay", folder, kind="overlay", data=layers)


def _fence_sysctls() -> None:
    # The order matters: net bound after the read-only remount would be read-only too.
    aside = Path("/run/fence/net")
    aside.mkdir()
    _mount("/proc/sys/net", str(aside), flags=_MS_BIND)
    _mount("/proc/sys", "/proc/sys", flags=_MS_BIND)
    _mount(None, "/proc/sys", flags=_MS_REMOUNT | _MS_BIND | _MS_RDONLY)
    _mount(str(aside), "/proc/sys/net", flags=_MS_BIND)
    _check(_libc.umount2(os.fsencode(aside), 0), f"umount {aside}")


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | _IFF_UP))


def _mount(
    source: str | None, target: str, *, kind: str = "", flags: int = 0, data: str = ""
) -> None:
    result = _libc.mount(
        source.encode() if source else None,
        target.encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    _check(result, f"mount {target}")


def _check(result: int, step: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{step}: {os.strerror(number)}")


if __name__ == "__main__":
    enter()
    os.execvp(sys.argv[1], sys.argv[1:])
