"""What a connection over a distance can carry, and the sizes that it takes."""

from __future__ import annotations

import pytest

from tests.unit.probe.sockbuf.known import LOOPBACK, SYSCTLS
from tunekit.probe.sockbuf.arithmetic import Carried, Distance, Limit, carried, in_flight, needed

FAR = Distance(round_trip=0.02, rate=50e6)


def foretold(send: int | None, receive: int | None, distance: Distance = FAR) -> Carried:
    found = carried(send, receive, distance, LOOPBACK, SYSCTLS)
    assert found is not None
    return found


def test_the_product_fills_the_path() -> None:
    assert FAR.product == 1_000_000
    assert Distance(round_trip=0.02, rate=None).product is None


@pytest.mark.parametrize(
    ("send", "receive", "limit"),
    [
        (65536, None, Limit.SEND),
        (None, 65536, Limit.RECEIVE),
        (None, None, Limit.PATH),
        (2 << 20, 2 << 20, Limit.PATH),
    ],
)
def test_the_smallest_of_both_buffers_and_the_path_holds_back(
    send: int | None, receive: int | None, limit: Limit
) -> None:
    assert foretold(send, receive).limit is limit


def test_twice_the_distance_is_about_half_the_throughput() -> None:
    near, far = (
        foretold(65536, None, Distance(round_trip=trip, rate=1e12)).rate for trip in (0.02, 0.04)
    )
    assert near == pytest.approx(2 * far, rel=0.01)


@pytest.mark.parametrize(
    ("buffer", "segments"),
    [
        # Two segments: the first that is acknowledged makes room enough to be woken.
        (131072, 2.0),
        # Eight: three have to be acknowledged, so that eight, seven and six are on their way.
        (524288, 7.0),
    ],
)
def test_a_sender_that_is_woken_at_a_third_keeps_less_than_its_buffer(
    buffer: int, segments: float
) -> None:
    assert in_flight(buffer, 65483, 832) == segments * 65483


def test_the_size_that_is_advised_carries_the_rate() -> None:
    size = needed(50e6, FAR)
    assert foretold(size, size).rate >= 0.85 * 50e6
    assert foretold(size // 2, None).rate < 0.7 * 50e6
