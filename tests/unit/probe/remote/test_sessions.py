"""Room for clients is given and taken back without a gap or an overlap."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tunekit.probe.remote import orders
from tunekit.probe.remote.sessions import MOST_SESSIONS, Registry, Session
from tunekit.probe.remote.wire import Answer, Share


def share(connections: int) -> Share:
    return Share(connections=connections, shards=1)


def test_a_session_gets_the_first_gap_that_it_fits_into() -> None:
    registry = Registry(100)
    first = registry.open(share(40), b"")
    second = registry.open(share(40), b"")
    assert isinstance(first, Session)
    assert isinstance(second, Session)
    assert (first.start, second.start, registry.room, registry.reserved) == (0, 40, 20, 80)
    registry.end(first.number)
    third = registry.open(share(30), b"")
    assert isinstance(third, Session)
    assert (third.number, third.start, third.end) == (3, 0, 30)


def test_more_than_there_is_room_for_is_refused() -> None:
    registry = Registry(100)
    assert registry.open(share(101), b"") is Answer.FULL
    assert registry.room == 100


def test_only_so_many_sessions_are_open_at_a_time() -> None:
    registry = Registry(1000)
    for _ in range(MOST_SESSIONS):
        assert isinstance(registry.open(share(1), b""), Session)
    assert registry.open(share(1), b"") is Answer.BUSY


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60), st.integers(0, 9)), max_size=60))
def test_sessions_never_overlap(moves: list[tuple[bool, int, int]]) -> None:
    registry = Registry(200)
    for opens, size, which in moves:
        held = list(registry)
        if opens or not held:
            registry.open(share(size), b"")
        else:
            registry.end(held[which % len(held)].number)
        places = sorted((one.start, one.end) for one in registry)
        assert all(a[1] <= b[0] for a, b in pairwise(places))
        assert all(end <= 200 for _, end in places)


def test_orders_are_read_as_they_were_meant() -> None:
    session = Session(
        number=3, start=70, share=Share(connections=50, shards=4), key=bytes(range(32))
    )
    assert orders.session_of(orders.session(session)) == session
    asked = orders.open_(9, session.share, session.key)
    assert orders.request_of(asked) == (9, session.share, session.key)
    answered = orders.answered(9, Answer.FULL, room=5)
    assert orders.answer_of(answered) == (9, Answer.FULL, 0, 5)
    assert orders.number_of(orders.about(orders.END, 3)) == 3
