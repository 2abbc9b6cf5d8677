"""The frames between two hosts: bytes in, bytes out, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.probe import addresses, tokens
from tunekit.probe.remote import wire
from tunekit.probe.remote.wire import Answer, Foreign, Keys, Share

KEYS = Keys.agree(b"a secret of ours", b"c" * 16, b"s" * 16)
OTHERS = Keys.agree(b"a secret of theirs", b"c" * 16, b"s" * 16)

shares = st.builds(
    lambda shards, more: Share(connections=shards + more, shards=shards),
    st.integers(1, 60),
    st.integers(0, 5000),
)


@given(share=shares)
def test_a_request_is_read_as_it_was_meant(share: Share) -> None:
    assert KEYS.read_request(KEYS.request(share)) == share


@pytest.mark.parametrize("answer", [Answer.YES, Answer.FULL, Answer.BUSY])
def test_an_answer_is_read_as_it_was_meant(answer: Answer) -> None:
    assert KEYS.read_answer(KEYS.answer(answer, 7, 900)) == (answer, 7, 900)


def test_whoever_has_another_secret_is_told_so_without_anything_made_of_ours() -> None:
    frame = KEYS.answer(Answer.WRONG_TOKEN)
    assert OTHERS.read_answer(frame) == (Answer.WRONG_TOKEN, 0, 0)
    assert frame == wire.ANSWER + bytes([Answer.WRONG_TOKEN]) + bytes(4 + 8 + 16)


def test_nothing_that_another_secret_made_is_believed() -> None:
    share = Share(connections=10, shards=2)
    for read, frame in (
        (KEYS.read_request, OTHERS.request(share)),
        (KEYS.read_answer, OTHERS.answer(Answer.YES, 1)),
        (KEYS.read_ask, OTHERS.ask(1)),
        (lambda it: KEYS.read_tally(it, b"", round_=1), OTHERS.tally(1, b"")),
        (lambda it: KEYS.check_greeting(*wire.read_greeting(it)), OTHERS.greeting(1, 2)),
    ):
        with pytest.raises(Foreign):
            read(frame)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("secret", "client", "server"),
    [(b"other", b"c", b"s"), (b"x", b"d", b"s"), (b"x", b"c", b"t"), (b"x", b"cs", b"")],
)
def test_secret_and_both_nonces_make_the_key(secret: bytes, client: bytes, server: bytes) -> None:
    assert Keys.agree(secret, client, server) != Keys.agree(b"x", b"c", b"s")


@given(place=st.integers(0, 2**63), session=st.integers(0, 2**32 - 1), at=st.integers(0, 31))
def test_a_greeting_with_one_bit_turned_is_refused(place: int, session: int, at: int) -> None:
    frame = bytearray(KEYS.greeting(session, place))
    KEYS.check_greeting(*wire.read_greeting(bytes(frame)))
    frame[at] ^= 1
    with pytest.raises(Foreign):
        KEYS.check_greeting(*wire.read_greeting(bytes(frame)))


@given(share=shares)
def test_each_place_of_a_session_has_a_cell_of_its_own(share: Share) -> None:
    sizes = addresses.spread(share.connections, share.shards)
    cells = [
        share.cell(shard << tokens.INDEX_BITS | index)
        for shard, size in enumerate(sizes)
        for index in range(size)
    ]
    assert cells == list(range(share.connections))
    for place in (share.shards << tokens.INDEX_BITS, sizes[-1] + 1, 1 << 62):
        with pytest.raises(Foreign):
            share.cell(place)


@given(marks=st.binary(max_size=300), mark=st.integers(1, 255))
def test_a_set_is_read_as_it_was_written(marks: bytes, mark: int) -> None:
    cells = wire.cells_of(wire.bits_of(marks, mark), len(marks))
    assert cells == bytes(each == mark for each in marks)


def test_a_set_of_another_size_is_refused() -> None:
    with pytest.raises(Foreign):
        wire.cells_of(b"\xff", 9)


def test_a_tally_is_of_the_round_that_was_asked_for() -> None:
    bits = wire.bits_of(bytes([1, 2, 1]), 1)
    frame = KEYS.tally(1, bits)[: wire.SIZES[wire.TALLY]]
    assert KEYS.read_tally_size(frame) == 1
    assert KEYS.read_tally(frame, bits, round_=1) == b"\xa0"
    for told, round_ in ((bits, 2), (b"\xe0", 1), (bits + b"\0", 1)):
        with pytest.raises(Foreign):
            KEYS.read_tally(frame, told, round_=round_)


@given(frame=st.binary(max_size=80))
def test_bytes_of_anybody_are_refused_and_nothing_else_happens(frame: bytes) -> None:
    for read in (
        KEYS.read_request,
        KEYS.read_ask,
        KEYS.read_tally_size,
        wire.read_greeting,
        lambda it: wire.nonce_of(wire.OPENING, it),
        lambda it: KEYS.check_greeting(*wire.read_greeting(it)),
    ):
        with pytest.raises(Foreign):
            read(frame)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("received", "more"),
    [
        (b"", 4),
        (b"tk", 2),
        (wire.OPENING, 16),
        (wire.OPENING + bytes(16), 0),
        (wire.GREETING + bytes(10), 18),
        (wire.GREETING + bytes(60), 0),
    ],
)
def test_what_is_missing_of_a_frame_is_told(received: bytes, more: int) -> None:
    assert wire.missing(received, wire.OPENING, wire.GREETING) == more


@pytest.mark.parametrize("received", [b"G", b"tk2", b"tk1R", b"GET / HTTP/1.1"])
def test_a_wrong_beginning_is_refused_at_once(received: bytes) -> None:
    with pytest.raises(Foreign):
        wire.missing(received, wire.OPENING, wire.GREETING)
