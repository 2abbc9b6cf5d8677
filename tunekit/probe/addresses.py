"""Where the servers listen, so that no source port is hard to find.

A connection is told apart by (source, destination, destination port, source port), so each
listener has the whole local port range to itself. Only half of it is cheap: `__inet_hash_connect`
(net/ipv4/inet_hashtables.c) walks the ports of one parity before it tries the other, and past
that half each connect looks at thousands of ports. So connections are spread over many
destinations of 127.0.0.0/8, none of which takes more than a part of the cheap half.
"""

from __future__ import annotations

from tunekit.probe.load import Family

MOST = 2500
"""Connections to one listener that still find their port in a step or two."""

_FIRST = (127 << 24) + (1 << 16)
_LAST = (127 << 24) + (254 << 16)


def per_listener(ports: int) -> int:
    """The connections that one listener may get when the local range has `ports` ports.

    Four fifths of the cheap half, since the listener's own port and other programs take some.
    """
    return max(1, min(MOST, ports // 2 * 4 // 5))


def listeners_for(connections: int, ports: int) -> int:
    """The number of listeners that a server process needs for its connections."""
    return max(1, -(-connections // per_listener(ports)))


def spread(connections: int, parts: int) -> list[int]:
    """Split a number as evenly as integers go, the larger parts first."""
    each, more = divmod(connections, parts)
    return [each + 1] * more + [each] * (parts - more)


def destination(family: Family, serial: int) -> str:
    """The address of the listener with that serial number, counted over all servers.

    IPv6 has one loopback address, so there the listeners differ by port alone.
    """
    if family is Family.INET6:
        return "::1"
    number = _FIRST + serial % (_LAST - _FIRST)
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
