"""Network namespaces: which one this is."""

from __future__ import annotations

import errno
import socket
import sys

# include/uapi/asm-generic/socket.h; Python has no name for it.
_SO_NETNS_COOKIE = 71


def cookie() -> int:
    """Return the number of this thread's network namespace, never used again until reboot.

    It is SO_NETNS_COOKIE (Linux 5.14, e8b9eab99232), 0 where the kernel has none. The inode of
    /proc/self/ns/net is no substitute: inodes are used again.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            raw = probe.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8)
        except OSError as error:
            if error.errno != errno.ENOPROTOOPT:
                raise
            return 0
    return int.from_bytes(raw, sys.byteorder)
