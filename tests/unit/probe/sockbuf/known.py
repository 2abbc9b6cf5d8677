"""Loopback and the sysctls of Linux 6.18."""

from __future__ import annotations

from tunekit.probe.sockbuf.host import Segments, Sysctl

LOOPBACK = Segments(
    overhead=832, largest=65483, advertised=65495, adaptive=True, congestion="cubic"
)
SYSCTLS = Sysctl(
    wmem_max=4194304,
    rmem_max=4194304,
    wmem_default=212992,
    rmem_default=212992,
    tcp_wmem=(4096, 16384, 4194304),
    tcp_rmem=(4096, 131072, 33554432),
)
