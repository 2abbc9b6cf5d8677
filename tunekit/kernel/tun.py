"""Network namespaces of our own, and the TUN devices in them: packets come and go by a descriptor.

Everything here ends with the processes that hold it: a namespace with the last process in it, a
device with its last descriptor.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

CONTROL = Path("/dev/net/tun")

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
# include/uapi/linux/if_tun.h and linux/sockios.h.
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_SIOCSIFADDR, _SIOCSIFNETMASK, _SIOCSIFMTU, _SIOCSIFTXQLEN = 0x8916, 0x891C, 0x8922, 0x8943
_IFF_UP = 0x1


def leave_network() -> None:
    """Move this process to a new network namespace of its own, for good; without privileges to a
    new user namespace, too, in which it may do as it likes with its network.

    Raises OSError where the host does not let it.
    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        _unshare(_CLONE_NEWNET)
    except PermissionError:
        _unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        # user_namespaces(7): groups may be mapped once setgroups is denied.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def open_device(name: str, address: str, *, mtu: int, queue: int) -> int:
    """Make a TUN device in this namespace, up and with an address in a /24; return its descriptor,
    which does not block. `queue` packets may wait in it. Raises OSError.
    """
    descriptor = os.open(CONTROL, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        request = struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI)
        fcntl.ioctl(descriptor, _TUNSETIFF, request)
        bring_up(name, address, mtu=mtu, queue=queue)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def bring_up(name: str, address: str, *, mtu: int, queue: int) -> None:
    """Give a device of this namespace an address in a /24 and bring it up. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _configure(control, name, _SIOCSIFMTU, struct.pack("i20x", mtu))
        _configure(control, name, _SIOCSIFTXQLEN, struct.pack("i20x", queue))
        _configure(control, name, _SIOCSIFADDR, _address(address))
        _configure(control, name, _SIOCSIFNETMASK, _address("255.255.255.0"))
        _up(control, name)


def _up(control: socket.socket, name: str) -> None:
    asked = struct.pack("16s24x", name.encode())
    flags = struct.unpack_from("16sh", fcntl.ioctl(control, _SIOCGIFFLAGS, asked))[1]
    _configure(control, name, _SIOCSIFFLAGS, struct.pack("h22x", flags | _IFF_UP))


def _configure(control: socket.socket, name: str, request: int, value: bytes) -> None:
    fcntl.ioctl(control, request, struct.pack("16s24s", name.encode(), value))


def _address(text: str) -> bytes:
    return struct.pack("HH4s16x", socket.AF_INET, 0, socket.inet_aton(text))


def _unshare(flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
