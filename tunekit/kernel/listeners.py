"""Which ports of this network namespace something listens on.

Asked of sock_diag(7), which goes through the listeners alone. /proc/net/tcp lists every socket,
takes twenty seconds at a million connections, and serves where the kernel has no sock_diag.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tunekit.errors import ReadFailed
from tunekit.kernel import sockdiag
from tunekit.kernel.sockdiag import State


def listening_ports(*, proc: Path | None = None) -> frozenset[int]:
    """List the ports of listening TCP and bound, unconnected UDP sockets, IPv4 and IPv6.

    `proc` is where the tables of proc_net(5) are read instead of asking the kernel. Raises
    ReadFailed for a table that is needed, is there and cannot be read.
    """
    if proc is None:
        try:
            return ask()
        except OSError:
            # No CONFIG_INET_DIAG or CONFIG_INET_UDP_DIAG (ENOENT, EPROTONOSUPPORT), or a sandbox
            # without netlink. Whatever it was, the tables tell the same.
            proc = Path("/proc")
    return frozenset(
        port
        for protocol, state in (("tcp", State.LISTEN), ("udp", State.CLOSE))
        for version in ("", "6")
        for port in parse_ports(_read(proc / "thread-self/net" / (protocol + version)), state)
    )


def parse_ports(table: str, state: int) -> Iterator[int]:
    """Yield the local ports of the sockets in a state, from a table in the form of proc_net(5)."""
    for line in table.splitlines()[1:]:
        _, local, _, found, *_ = line.split()
        if int(found, 16) == state:
            yield int(local.rpartition(":")[2], 16)


def ask() -> frozenset[int]:
    """Ask sock_diag for the ports. Raises OSError where the kernel has no sock_diag for both."""
    return sockdiag.ports(sockdiag.TCP, State.LISTEN) | sockdiag.ports(sockdiag.UDP, State.CLOSE)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        # A kernel without IPv6 has no tables for it.
        return ""
    except OSError as error:
        raise ReadFailed(
            f"cannot be read: {error.strerror}",
            path=str(path),
            errno=error.errno,
            hint="run as root, or mount /proc",
        ) from error
