"""What a connection takes with nobody reading: the rules against figures seen on Linux 6.18."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.probe.sockbuf.known import LOOPBACK, SYSCTLS
from tunekit.probe.sockbuf import queue, window
from tunekit.probe.sockbuf.forecast import Forecast, forecast
from tunekit.probe.sockbuf.host import Segments


def foretold(send: int | None, receive: int | None, *, segments: Segments = LOOPBACK) -> Forecast:
    found = forecast(send, receive, segments=segments, sysctls=SYSCTLS)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("send", "receive", "accepted", "segment"),
    [
        (4096, 4096, 12288, 2048),
        (65536, 4096, 100352, 2048),
        (8388608, 4096, 5971968, 2048),
        (None, 4096, 1875968, 2048),
        (262144, 16384, 507904, 8192),
        (4096, 65536, 176678, 47417),
        (65536, 65536, 269826, 47417),
        (262144, 262144, 1048152, 65483),
        (None, 262144, 4715200, 65483),
        (4096, 1048576, 2155135, 65483),
        (1048576, 1048576, 4191336, 65483),
        (None, None, 2720256, 47616),
        (8388608, 8388608, 16633742, 65483),
    ],
)
def test_what_was_seen_is_foretold_to_half_a_per_cent(
    send: int | None, receive: int | None, accepted: int, segment: int
) -> None:
    found = foretold(send, receive)
    assert found.accepted == pytest.approx(accepted, rel=0.005)
    assert found.segment == pytest.approx(segment, abs=16)
    assert found.accepted == found.unacked + found.unread


def test_nothing_is_foretold_where_a_limit_is_not_shown() -> None:
    hidden = replace(SYSCTLS, wmem_max=None)
    assert forecast(4096, None, segments=LOOPBACK, sysctls=hidden) is None
    assert forecast(None, None, segments=LOOPBACK, sysctls=hidden) is not None


def test_bbr_lets_a_send_buffer_that_nobody_set_grow_by_half_more() -> None:
    sizes = [
        queue.begun_with(replace(LOOPBACK, congestion=name), largest=1 << 30)
        for name in ("cubic", "bbr")
    ]
    assert sizes == [2_626_560, 3_939_840]


@pytest.mark.parametrize("congestion", ["cubic", "bbr"])
def test_what_only_time_decides_is_not_foretold(congestion: str) -> None:
    roomy = replace(SYSCTLS, tcp_wmem=(4096, 16384, 1 << 26))
    segments = replace(LOOPBACK, congestion=congestion)
    assert forecast(None, 8 << 20, segments=segments, sysctls=roomy) is None
    assert forecast(65536, 8 << 20, segments=segments, sysctls=roomy) is not None


def test_tcp_wmem_caps_what_a_buffer_grows_to() -> None:
    assert foretold(None, 1048576).send_buffer == 4194304


def test_a_window_that_never_learns_what_segments_cost_takes_less() -> None:
    fixed = replace(LOOPBACK, adaptive=False)
    assert foretold(65536, 65536, segments=fixed).unread < foretold(65536, 65536).unread


def test_a_receiver_that_merges_segments_takes_more() -> None:
    receiver = window.Receiver(buffer=8388608, locked=True, widest=33554432, longest=33554432)
    many, single = (
        window.taken(receiver, LOOPBACK, burst=65483, one_at_a_time=each).bytes
        for each in (False, True)
    )
    assert many < single <= receiver.buffer
