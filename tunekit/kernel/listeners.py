"""Which ports of this network namespace something listens on: /proc/net/{tcp,udp}{,6}."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tunekit.errors import ReadFailed

# include/net/tcp_states.h. An unconnected UDP socket shows as TCP_CLOSE.
_LISTEN = 0x0A
_UNCONNECTED = 0x07

_TABLES = (("tcp", _LISTEN), ("tcp6", _LISTEN), ("udp", _UNCONNECTED), ("udp6", _UNCONNECTED))


def listening_ports(*, proc: Path = Path("/proc")) -> frozenset[int]:
    """List the ports of listening TCP and bound, unconnected UDP sockets, IPv4 and IPv6.

    Raises ReadFailed for a table that is there and cannot be read. A kernel without IPv6 has no
    tables for it.
    """
    return frozenset(
        port
        for table, state in _TABLES
        for port in parse_ports(_read(proc / "thread-self/net" / table), state)
    )


def parse_ports(table: str, state: int) -> Iterator[int]:
    """Yield the local ports of the sockets in a state, from a table in the form of proc_net(5)."""
    for line in table.splitlines()[1:]:
        _, local, _, found, *_ = line.split()
        if int(found, 16) == state:
            yield int(local.rpartition(":")[2], 16)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ReadFailed(
            f"cannot be read: {error.strerror}",
            path=str(path),
            errno=error.errno,
            hint="run as root, or mount /proc",
        ) from error
