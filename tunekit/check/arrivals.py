"""What waits to be accepted when connections begin faster than servers take them. Pure."""

from __future__ import annotations

from tunekit.kernel.costs import ACCEPTS_PER_SECOND, SERVER_PAUSE


def waiting(*, connections: int, listeners: int, rate: float, servers: int) -> int:
    """The most connections that wait at one listener.

    `rate` a second are begun over all `listeners`, and `servers` accept at a time.
    """
    arriving = rate / servers
    each = -(-connections // listeners)
    surplus = each * max(0.0, 1 - ACCEPTS_PER_SECOND / arriving)
    return int(min(each, surplus + arriving * SERVER_PAUSE))


def room(somaxconn: int) -> int:
    """The connections that may wait at a listener with the longest backlog.

    One more than the backlog (sk_acceptq_is_full, include/net/sock.h).
    """
    return somaxconn + 1
