"""How much a TCP receiver that nobody reads from takes until its window is closed.

A simulation of the receiver, segment by segment, each acknowledged at once, after
net/ipv4/tcp_input.c and tcp_output.c: tcp_select_initial_window() offers half of the buffer at
first; tcp_measure_rcv_mss() learns from the first segments what share of what they are charged is
payload (scaling_ratio, dfa2f0483360, Linux 6.6); tcp_grow_window() raises what may be offered;
__tcp_select_window() offers what is free, in units of the window scale, and never takes an offer
back. The sender makes segments of at most half of the largest window that it was offered
(tcp_bound_to_half_wnd).

Nothing here has measured anything: it starts from the sizes, the sysctls and what one segment
costs.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunekit.probe.sockbuf.host import Segments

# TCP_DEFAULT_SCALING_RATIO: half, in 256ths (TCP_RMEM_TO_WIN_SCALE).
_HALF, _SHIFT = 128, 8
_WIDEST_UNSCALED = 65535
_MOST_SCALE = 14
_DEFAULT_MSS = 536
# Enough segments for the window to have grown as far as they let it.
_SETTLED = 1024
# MAX_SKB_FRAGS, and the bytes of one page fragment (SKB_FRAG_PAGE_ORDER).
_FRAGMENTS, _FRAGMENT = 17, 32768


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the receiver takes in all, of which the last segment fills a window that was too small
    for a whole one (0 when whole ones fit), and the payload of a whole one, in bytes.
    """

    bytes: int
    rest: int
    segment: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A receive buffer of `buffer` bytes as getsockopt says it; `locked` when a program set it.
    `widest` is the larger of tcp_rmem[2] and rmem_max, `longest` tcp_rmem[2].
    """

    buffer: int
    locked: bool
    widest: int
    longest: int


def taken(receiver: Receiver, segments: Segments, *, burst: int, one_at_a_time: bool) -> Taken:
    """Forecast what a receiver takes.

    `burst` is how many bytes leave before the first acknowledgement is looked at.
    `one_at_a_time` says that each segment is acknowledged before the next one leaves; the receiver
    then merges them (skb_try_coalesce refuses what the sender still shares) and is charged less.
    """
    end = _End(receiver, segments)
    begin = segments_of(end.widest_offered, segments)
    pieces = _pieces(min(burst, end.edge), begin)
    merged = _FRAGMENTS // (-(-begin // _FRAGMENT) + 1) if one_at_a_time else 1
    size = begin
    while end.room > 0:
        first = bool(pieces)
        wanted = pieces.pop(0) if first else segments_of(end.widest_offered, segments)
        size = min(wanted, end.room)
        end.arrive(size, cut=min(size, begin) if first else size, merged=merged)
    whole = segments_of(end.widest_offered, segments)
    return Taken(bytes=end.taken, rest=size if size < whole else 0, segment=whole)


def offered(receiver: Receiver, segments: Segments) -> int:
    """The window that is offered to a sender far away while the program reads at once, in bytes.

    What may be offered grows with what is free when a segment has just arrived (tcp_grow_window),
    so it settles with the first, small segments.
    """
    end = _End(receiver, segments)
    first = segments_of(end.widest_offered, segments)
    for _ in range(_SETTLED):
        end.arrive(first, cut=first, merged=1)
        end.read()
    return end.widest_offered


def segments_of(window: int, segments: Segments) -> int:
    """The payload of one segment to a peer whose largest window was `window` bytes."""
    # tcp_bound_to_half_wnd() in include/net/tcp.h.
    bound = window >> 1 if window > _DEFAULT_MSS else window
    return min(segments.largest, bound)


def _pieces(burst: int, size: int) -> list[int]:
    """Cut a burst into segments; a small rest is merged into the last whole one
    (tcp_grow_skb, Linux 6.10).
    """
    whole, rest = divmod(burst, size)
    if whole == 0:
        return [burst]
    pieces = [size] * whole
    if rest > size // 2:
        pieces.append(rest)
    else:
        pieces[-1] += rest
    return pieces


class _End:
    """The receiving end; names are those of struct tcp_sock."""

    def __init__(self, receiver: Receiver, segments: Segments) -> None:
        self._buffer = receiver.buffer
        self._segments = segments
        self._longest = receiver.longest
        self._ratio = _HALF
        whole = self._payload(receiver.buffer)
        self._clamp = whole if receiver.locked else _WIDEST_UNSCALED << _MOST_SCALE
        space = min(whole, self._clamp)
        if space > segments.largest:
            space -= space % segments.largest
        widest = min(max(space, receiver.widest), self._clamp)
        self._scale = min(_MOST_SCALE, max(0, widest.bit_length() - 16))
        self._threshold = space
        self._mss = _DEFAULT_MSS
        self._charged = 0
        self._arrived = 0
        self.taken = 0
        self.edge = space
        # The window of a SYN is never scaled.
        self.widest_offered = min(space, _WIDEST_UNSCALED)

    @property
    def room(self) -> int:
        """What the sender may still send."""
        return self.edge - self.taken

    def arrive(self, size: int, *, cut: int, merged: int) -> None:
        """Take a segment of `size` bytes, made of pieces of `cut`, and offer a window."""
        charge = size + self._segments.overhead
        self.taken += size
        self._charged += charge if self._arrived % merged == 0 else size
        self._arrived += 1
        if cut >= self._mss and cut != self._mss:
            self._mss = min(cut, self._segments.advertised)
            if self._segments.adaptive:
                self._ratio = max(1, (size << _SHIFT) // charge)
                self._clamp = self._payload(self._buffer)
        free = self._payload(max(0, self._buffer - self._charged))
        self._grow(size, charge, free)
        self._offer(free)

    def read(self) -> None:
        """Have the program read all that has arrived."""
        self._charged = 0
        self._offer(self._payload(self._buffer))

    def _payload(self, space: int) -> int:
        return space * self._ratio >> _SHIFT

    def _grow(self, size: int, charge: int, free: int) -> None:
        room = min(self._clamp, free) - self._threshold
        if room <= 0:
            return
        if self._payload(charge) <= size:
            step = 2 * self._segments.advertised
        else:
            step = self._slow_step(size, charge)
        if step:
            self._threshold += min(room, max(step, 2 * size))

    def _slow_step(self, size: int, charge: int) -> int:
        """__tcp_grow_window()."""
        cost, window = self._payload(charge) >> 1, self._payload(self._longest) >> 1
        while self._threshold <= window:
            if cost <= size:
                return 2 * self._mss
            cost >>= 1
            window >>= 1
        return 0

    def _offer(self, free: int) -> None:
        whole = min(self._clamp, self._payload(self._buffer))
        mss = min(self._mss, whole)
        offered = self._select(free, whole, mss)
        standing = self.edge - self.taken
        if offered < standing:
            offered = self._rounded(standing)
        self.edge = self.taken + offered
        self.widest_offered = max(self.widest_offered, offered)

    def _select(self, free: int, whole: int, mss: int) -> int:
        if free < whole >> 1:
            free = free >> self._scale << self._scale
            if free < whole >> 4 or free < mss:
                return 0
        free = min(free, self._threshold)
        if self._scale:
            return self._rounded(free)
        standing = self.edge - self.taken
        if standing <= free - mss or standing > free:
            return free - free % mss
        if mss == whole and free > standing + (whole >> 1):
            return free
        return standing

    def _rounded(self, window: int) -> int:
        return -(-window >> self._scale) << self._scale
