"""What one loopback connection costs the kernel, and where connecting stops being cheap.

Measured at a million connections on Linux 6.18 by `tunekit verify`; 6.1 and 7.3 differ by a few
per cent.
"""

from __future__ import annotations

BYTES_PER_CONNECTION = 10_500
"""Kernel memory of both ends, the server's watched by epoll: about 9,800 of slab, and a little."""

BYTES_PER_CLIENT_END = 4_800
"""Kernel memory of one end that nothing watches, its source port and an unread echo included."""

BYTES_PER_SERVER_END = 4_800
"""Kernel memory of one end that epoll watches."""

BYTES_PER_WATCH = 208
"""Of that the epoll watch: epitem, wait queue entry and list head."""

BYTES_PER_LOCAL_PORT = 256
"""The buckets of a source port (inet_bind_bucket and inet_bind2_bucket), 192 before 6.2."""

BYTES_PER_SLOT = 16
"""Of a descriptor table: a pointer each, in a table of up to twice as many (alloc_fdtable,
fs/file.c).
"""

BYTES_PER_UNIX_CONNECTION = 5_200
"""Kernel memory of both ends of a Unix stream, the server's watched by epoll."""

CHARGED_PER_CONNECTION = 5_150
"""What a loopback connection adds to a memory control group. The accepted socket itself is made in
the softirq of the client's packet, which is charged to nobody (get_obj_cgroup_from_current,
mm/memcontrol.c); its file, its inode and its watch are the server's.
"""

CHARGED_PER_PROCESS = 2_700_000
"""What a process of a load adds to it by itself: the pages that it does not share any more."""

SPARE_DESCRIPTORS = 48
"""Descriptors of a process that are no connection and no listener: control, epoll, the loader's."""

FILES_PER_PROCESS = 6
"""Open files of a process besides connections and listeners."""

MOST_PER_LISTENER = 2500
"""Connections to one listener that still find their port in a step or two."""


ACCEPTS_PER_SECOND = 25_000
"""What a server that shares a processor with its client accepts and watches, with room to spare."""

SERVER_PAUSE = 0.01
"""Seconds for which a server that has work may wait for its processor."""


def per_listener(ports: int) -> int:
    """The connections that one listener may get when the local range has `ports` ports.

    `__inet_hash_connect` (net/ipv4/inet_hashtables.c) walks the ports of one parity before it
    tries the other, and past that half each connect looks at thousands of ports. So it is four
    fifths of the cheap half, since the listener's own port and other programs take some.
    """
    return max(1, min(MOST_PER_LISTENER, ports // 2 * 4 // 5))


def per_process(descriptors: int, ports: int) -> int:
    """The connections that one process holds under a descriptor limit, its listeners counted."""
    each = per_listener(ports)
    return max(0, (descriptors - SPARE_DESCRIPTORS) * each // (each + 1) - 1)
