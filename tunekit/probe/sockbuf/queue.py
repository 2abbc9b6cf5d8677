"""How much a TCP sender keeps whose peer has closed its window.

After net/ipv4/tcp.c and tcp_output.c: a new segment is begun while less than SO_SNDBUF is charged
(sk_stream_memory_free), and one that is begun is filled without asking again, so that a send
overshoots by up to one segment. Each is charged its payload and a fixed overhead. The first of
the queue cannot be sent and swallows what follows it, up to half of the congestion window
(tcp_grow_skb and tcp_cwnd_test, Linux 6.10), which frees the overhead of those.

A buffer that no program set grows as the connection goes (tcp_sndbuf_expand in tcp_input.c).
"""

from __future__ import annotations

from dataclasses import dataclass

from tunekit.probe.sockbuf.host import Segments
from tunekit.probe.sockbuf.window import Taken

INITIAL_WINDOW = 10
"""TCP_INIT_CWND, in segments."""
# bbr_sndbuf_expand() in net/ipv4/tcp_bbr.c; 2 for whoever has no opinion.
_EXPAND = {"bbr": 3}
_USUAL_EXPAND = 2
# MAX_TCP_HEADER and struct skb_shared_info: anything that takes the largest segment of loopback
# past the next power of two, and nothing that takes an Ethernet segment past it.
_HEADERS = 320 + 320
_SKB = 256
# sk_gso_max_size without the headers, and tcp_min_tso_segs: how many segments go out as one.
_LARGEST_OUT = 65215
_LEAST_OUT = 2
# HyStart needs a few samples of the round trip before it ends slow start (HYSTART_MIN_SAMPLES).
_CERTAIN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a sender keeps, and the send buffer that it ends with, in bytes."""

    bytes: int
    buffer: int


def begun_with(segments: Segments, *, largest: int) -> int:
    """The send buffer that a fresh connection grows to at once when no program set it; `largest`
    is tcp_wmem[2].
    """
    return min(largest, _grown(segments, INITIAL_WINDOW))


def kept(taken: Taken, segments: Segments, *, buffer: int | None, largest: int) -> Kept | None:
    """Forecast what is kept beside what the receiver has `taken`; `buffer` is None when no program
    set it. None where what it grows to is a matter of time, as the congestion window is.
    """
    if buffer is None:
        buffer = _tuned(taken, segments, largest)
        if buffer is None:
            return None
    size, overhead = taken.segment, segments.overhead
    head = min(INITIAL_WINDOW // 2, max(_LEAST_OUT, _LARGEST_OUT // size)) * size
    queue = _Queue(size=size, overhead=overhead, head=head, buffer=buffer)
    queue.fill()
    if taken.rest:
        # The persist timer sends what the window still has room for (tcp_write_wakeup).
        queue.lose(taken.rest)
        queue.fill()
    return Kept(bytes=queue.bytes, buffer=buffer)


class _Queue:
    """Segments that wait to be sent, by their payload; `head` is what the first may grow to."""

    def __init__(self, *, size: int, overhead: int, head: int, buffer: int) -> None:
        self._size = size
        self._overhead = overhead
        self._head = head
        self._buffer = buffer
        self._payloads: list[int] = []
        self._charged = 0

    @property
    def bytes(self) -> int:
        """The payload in the queue."""
        return sum(self._payloads)

    def lose(self, count: int) -> None:
        """Take bytes that were acknowledged from the front; an acknowledgement pushes, too."""
        self._payloads[0] -= count
        self._charged -= count
        self._merge()

    def fill(self) -> None:
        """Add segments while the buffer has room; each write that adds one also pushes."""
        while self._add():
            self._merge()

    def _add(self) -> bool:
        payloads = self._payloads
        if payloads and payloads[-1] < self._size:
            self._charged += self._size - payloads[-1]
            payloads[-1] = self._size
        elif self._charged < self._buffer:
            payloads.append(self._size)
            self._charged += self._size + self._overhead
        else:
            return False
        return True

    def _merge(self) -> None:
        payloads = self._payloads
        moved = min(self._head - payloads[0], payloads[1]) if len(payloads) > 1 else 0
        if moved > 0:
            payloads[0] += moved
            payloads[1] -= moved
            if payloads[1] == 0:
                del payloads[1]
                self._charged -= self._overhead


def _tuned(taken: Taken, segments: Segments, largest: int) -> int | None:
    """What a buffer that no program set grows to; None where it is not certain.

    The congestion window grows by each segment that is acknowledged, in slow start, while half of
    it is in use (tcp_is_cwnd_limited). When that ends depends on times: of bbr's it is only
    certain that it has begun to, and cubic looks for rising delays after a few.
    """
    count = taken.bytes // taken.segment
    if segments.congestion == "bbr":
        least, most = INITIAL_WINDOW + 2, INITIAL_WINDOW + 2 * count + 8
    else:
        grown = count if count > INITIAL_WINDOW // 2 else 0
        least, most = INITIAL_WINDOW + min(grown, _CERTAIN), INITIAL_WINDOW + grown
    low, high = (min(largest, _grown(segments, window)) for window in (least, most))
    return low if low == high else None


def _grown(segments: Segments, window: int) -> int:
    """tcp_sndbuf_expand()."""
    each = segments.advertised + _HEADERS
    each = (1 << (each - 1).bit_length()) + _SKB
    return _EXPAND.get(segments.congestion, _USUAL_EXPAND) * window * each
