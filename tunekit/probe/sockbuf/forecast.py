"""What a connection takes with nobody reading, said beforehand."""

from __future__ import annotations

from dataclasses import dataclass

from tunekit.probe.sockbuf import queue, window
from tunekit.probe.sockbuf.host import Segments, Sysctl
from tunekit.probe.sockbuf.rules import Option, predict

WRITE = 65536
"""The bytes of one send; how they are cut up depends a little on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Bytes: what the sender is allowed to send in all, what of it the receiver's kernel takes,
    what stays with the sender; the payload of a segment; both buffers as getsockopt says them at
    the end.
    """

    accepted: int
    unread: int
    unacked: int
    segment: int
    send_buffer: int
    receive_buffer: int


def forecast(
    send: int | None, receive: int | None, *, segments: Segments, sysctls: Sysctl
) -> Forecast | None:
    """Forecast one TCP connection of these requested sizes; None where a limit is not shown, or
    where what autotuning reaches is a matter of time.

    Knows the requests, the sysctls and what a segment costs here, and nothing of the connection
    that is measured.
    """
    buffers = [
        _effective(option, size, sysctls)
        for option, size in ((Option.SEND, send), (Option.RECEIVE, receive))
    ]
    send_buffer, receive_buffer = buffers
    if receive_buffer is None or (send_buffer is None and send is not None):
        return None
    largest = sysctls.tcp_wmem[2]
    receiver = window.Receiver(
        buffer=receive_buffer,
        locked=receive is not None,
        widest=max(sysctls.tcp_rmem[2], sysctls.rmem_max or 0),
        longest=sysctls.tcp_rmem[2],
    )
    begun = send_buffer or queue.begun_with(segments, largest=largest)
    first = window.segments_of(min(receive_buffer // 2, 65535), segments)
    taken = window.taken(
        receiver,
        segments,
        burst=min(WRITE, _held(begun, first, segments)),
        one_at_a_time=begun <= first + segments.overhead,
    )
    kept = queue.kept(taken, segments, buffer=send_buffer, largest=largest)
    if kept is None:
        return None
    return Forecast(
        accepted=taken.bytes + kept.bytes,
        unread=taken.bytes,
        unacked=kept.bytes,
        segment=taken.segment,
        send_buffer=kept.buffer,
        receive_buffer=receive_buffer,
    )


def _held(buffer: int, size: int, segments: Segments) -> int:
    return -(-buffer // (size + segments.overhead)) * size


def _effective(option: Option, requested: int | None, sysctls: Sysctl) -> int | None:
    """The buffer as getsockopt will say it; None where it is not known beforehand."""
    if requested is None:
        # The send buffer is tuned at once, which is for the queue to say.
        return None if option is Option.SEND else sysctls.tcp_rmem[1]
    ceiling = sysctls.wmem_max if option is Option.SEND else sysctls.rmem_max
    return None if ceiling is None else predict(option, requested, ceiling=ceiling).size
