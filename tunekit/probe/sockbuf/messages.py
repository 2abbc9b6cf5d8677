"""What AF_UNIX and UDP take with nobody reading.

Neither has a window. AF_UNIX charges the sender for what its peer has not read, and begins a piece
while less than SO_SNDBUF is charged (sock_alloc_send_pskb in net/core/sock.c); a datagram also
waits while the peer's queue is longer than net.unix.max_dgram_qlen (unix_recvq_full). UDP hands
over to the receiver's queue at once and drops what does not fit SO_RCVBUF (net/ipv4/udp.c): its
sender is not told.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunekit.kernel.readings import Value
from tunekit.kernel.sysctl import Sysctls
from tunekit.probe.sockbuf import readings
from tunekit.probe.sockbuf.ends import Sizes, Transport, connected, refused
from tunekit.values import SysctlKey

# SKB_MAX_HEAD(0) and UNIX_SKB_FRAGS_SZ in net/unix/af_unix.c: the largest piece of a stream.
_LARGEST_PIECE = 3776 + 32768


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Bytes that send takes, and that arrive; None where send is never refused."""

    accepted: int | None
    arrived: int | None


def expected(sizes: tuple[int, int], message: int, transport: Transport) -> Expected:
    """Forecast one pair whose buffers are `sizes` as getsockopt says them.

    What a piece is charged is seen on a socket of its own. Raises ProbeRefused.
    """
    send, receive = sizes
    if transport is Transport.UDP:
        # The first is taken even where it does not fit (__udp_enqueue_schedule_skb).
        cost = _cost(message, transport)
        count = max(1, receive // cost + _beyond(cost, message))
        return Expected(accepted=None, arrived=count * message)
    if transport is Transport.UNIX_DATAGRAM:
        count = -(-send // _cost(message, transport))
        longest = _longest_queue()
        if longest is not None:
            count = min(count, longest + 1)
        return Expected(accepted=count * message, arrived=count * message)
    piece = min(message, send // 2 - 64, _LARGEST_PIECE)
    whole, rest = divmod(message, piece)
    costs = [_cost(piece, transport)] * whole + ([_cost(rest, transport)] if rest else [])
    lengths = [piece] * whole + ([rest] if rest else [])
    charged = taken = index = 0
    while charged < send:
        charged += costs[index % len(costs)]
        taken += lengths[index % len(lengths)]
        index += 1
    return Expected(accepted=taken, arrived=taken)


def _cost(size: int, transport: Transport) -> int:
    """What a message of `size` bytes is charged to whoever pays for it."""
    with connected(Sizes(send=1 << 20, receive=1 << 20), transport) as pair:
        try:
            pair.sender.send(bytes(size))
        except OSError as error:
            raise refused(error) from error
        if transport is Transport.UDP:
            return readings.memory(pair.receiver).received
        return readings.memory(pair.sender).in_flight


def _beyond(cost: int, size: int) -> int:
    """How many datagrams a receive buffer takes beyond those that fill it exactly: one where the
    kernel asks whether it is over-full already, as up to Linux 6.1, none where it asks whether the
    next one fits. It is tried on a buffer of exactly two.
    """
    with connected(Sizes(send=1 << 20, receive=cost), Transport.UDP) as pair:
        if readings.memory(pair.receiver).receive_buffer != 2 * cost:
            return 0
        for _ in range(4):
            pair.sender.send(bytes(size))
        return readings.memory(pair.receiver).received // cost - 2


def _longest_queue() -> int | None:
    reading = Sysctls().read(SysctlKey.parse("net.unix.max_dgram_qlen"))
    return int(reading.text) if isinstance(reading, Value) else None
