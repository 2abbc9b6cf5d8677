"""A line gives each packet when it has been sent at the line's rate and has travelled."""

from __future__ import annotations

import os
import socket

from tunekit.probe.sockbuf.delay import Line

MS = 1_000_000


def test_packets_come_out_in_order_when_they_are_due() -> None:
    near, source = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    target, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, source, target, far:
        for one in (source, far):
            one.setblocking(False)
        # 1000 bytes take a millisecond each, and ten more on their way.
        line = Line(source.fileno(), target.fileno(), delay=10 * MS, rate=1_000_000)
        near.send(b"a" * 1000)
        near.send(b"b" * 2000)
        line.take(0)
        assert line.due == 11 * MS
        line.give(11 * MS - 1)
        assert _there(far) == []
        line.give(11 * MS)
        assert _there(far) == [(b"a", 1000)]
        assert line.due == 13 * MS
        line.give(20 * MS)
        assert _there(far) == [(b"b", 2000)]
        assert line.due is None


def test_a_line_without_a_rate_only_delays() -> None:
    near, source = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, source:
        source.setblocking(False)
        line = Line(source.fileno(), os.open(os.devnull, os.O_WRONLY), delay=5 * MS, rate=None)
        near.send(b"a" * 1000)
        line.take(7 * MS)
        assert line.due == 12 * MS


def _there(one: socket.socket) -> list[tuple[bytes, int]]:
    found = []
    while True:
        try:
            packet = one.recv(65536)
        except BlockingIOError:
            return found
        found.append((packet[:1], len(packet)))
