"""What a connection over a distance can carry, and the sizes that it takes."""

from __future__ import annotations

import pytest

from tests.unit.probe.sockbuf.known import LOOPBACK, SYSCTLS
from tunekit.probe.sockbuf.arithmetic import Carried, Distance, Limit, carried, needed
from tunekit.probe.sockbuf.distance import spans
from tunekit.probe.sockbuf.rounds import throughput

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
    ("room", "rounds"),
    [
        # Both are acknowledged together, and leave together.
        (2.0, 2.0),
        # Three have to be acknowledged before the program is woken: they come in twos.
        (8.0, 7.0),
    ],
)
def test_a_sender_that_is_woken_at_a_third_sends_less_than_its_buffer_a_round_trip(
    room: float, rounds: float
) -> None:
    a_second = throughput(room=room, round_trip=0.02, each=1e-9)
    assert a_second * 0.02 == pytest.approx(rounds, rel=0.15)


def test_a_buffer_that_fills_the_path_carries_its_rate() -> None:
    assert throughput(room=100.0, round_trip=0.02, each=0.001) == pytest.approx(1000, rel=0.01)


@pytest.mark.parametrize(
    ("round_trip", "seconds"), [(0.001, 0.8), (0.02, 0.9), (0.08, 3.6), (0.5, 5.0), (2.0, 20.0)]
)
def test_a_long_round_trip_is_not_watched_for_ever(round_trip: float, seconds: float) -> None:
    assert sum(spans(round_trip)) == pytest.approx(seconds)


def test_the_size_that_is_advised_carries_the_rate() -> None:
    size = needed(50e6, FAR, LOOPBACK, SYSCTLS)
    assert foretold(size, size).rate >= 0.95 * 50e6
    assert foretold(size // 2, None).rate < 0.8 * 50e6
