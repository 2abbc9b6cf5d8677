"""Where the servers listen, so that no source port is hard to find.

A connection is told apart by (source, destination, destination port, source port), so each
listener has the whole local port range to itself. Only half of it is cheap: `__inet_hash_connect`
(net/ipv4/inet_hashtables.c) walks the ports of one parity before it tries the other, and past
that half each connect looks at thousands of ports. So connections are spread over many
destinations of 127.0.0.0/8, none of which takes more than a part of the cheap half.
"""

from __future__ import annotations

from tunekit.kernel.costs import per_listener
from tunekit.probe.load import Family

Place = str | bytes
"""An IP address, or the name of a Unix socket."""

_FIRST = (127 << 24) + (1 << 16)
_LAST = (127 << 24) + (254 << 16)


def listeners_for(connections: int, ports: int) -> int:
    """The number of listeners that a server process needs for its connections."""
    return max(1, -(-connections // per_listener(ports)))


def spread(connections: int, parts: int) -> list[int]:
    """Split a number as evenly as integers go, the larger parts first."""
    each, more = divmod(connections, parts)
    return [each + 1] * more + [each] * (parts - more)


def destination(family: Family, serial: int, nonce: int = 0) -> Place:
    """The address of the listener with that serial number, counted over all servers.

    IPv6 has one loopback address, so there the listeners differ by port alone. A Unix socket has
    an abstract name, which is gone with its last process; the run's `nonce` is in it.
    """
    if family is Family.UNIX:
        return b"\0tunekit-%x-%d" % (nonce, serial)
    if family is Family.INET6:
        return "::1"
    number = _FIRST + serial % (_LAST - _FIRST)
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
