"""The server's side of a control connection, whatever comes and in whatever pieces."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.probe.remote import wire
from tunekit.probe.remote.dialogue import Count, Dialogue, Open, Say, Step
from tunekit.probe.remote.wire import Answer, Foreign, Keys, Share

SECRET = b"the secret that both have"
MINE, THEIRS = b"m" * 16, b"t" * 16
KEYS = Keys.agree(SECRET, MINE, THEIRS)
SHARE = Share(connections=100, shards=3)


def fed(dialogue: Dialogue, pieces: Iterable[bytes]) -> list[Step]:
    return [step for piece in pieces for step in dialogue.feed(piece)]


def in_pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


@given(cuts=st.lists(st.integers(0, 200), max_size=8))
def test_a_session_is_asked_for_in_any_pieces(cuts: list[int]) -> None:
    steps = fed(Dialogue(SECRET, THEIRS), in_pieces(wire.opening(MINE) + KEYS.request(SHARE), cuts))
    assert steps == [Say(data=wire.challenge(THEIRS)), Open(share=SHARE, keys=KEYS)]


def test_rounds_are_asked_for_once_there_is_a_session() -> None:
    dialogue = Dialogue(SECRET, THEIRS)
    fed(dialogue, [wire.opening(MINE), KEYS.request(SHARE)])
    assert KEYS.read_answer(dialogue.answer(Answer.YES, session=4)) == (Answer.YES, 4, 0)
    assert fed(dialogue, [KEYS.ask(1) + KEYS.ask(2)]) == [Count(round_=1), Count(round_=2)]


def test_another_secret_is_refused_with_the_last_word() -> None:
    theirs = Keys.agree(b"a secret of somebody", MINE, THEIRS)
    steps = fed(Dialogue(SECRET, THEIRS), [wire.opening(MINE), theirs.request(SHARE)])
    assert steps[1:] == [Say(data=KEYS.answer(Answer.WRONG_TOKEN), last=True)]


def test_a_request_heard_before_is_of_no_use() -> None:
    again = Dialogue(SECRET, b"another nonce...")
    steps = fed(again, [wire.opening(MINE), KEYS.request(SHARE)])
    assert [isinstance(step, Open) for step in steps] == [False, False]


@pytest.mark.parametrize(
    "more", [KEYS.request(SHARE), KEYS.ask(1), b"x"], ids=["request", "ask", "garbage"]
)
def test_nothing_is_to_be_said_before_the_answer(more: bytes) -> None:
    dialogue = Dialogue(SECRET, THEIRS)
    fed(dialogue, [wire.opening(MINE), KEYS.request(SHARE)])
    with pytest.raises(Foreign):
        fed(dialogue, [more])


@given(pieces=st.lists(st.binary(max_size=64), max_size=8))
def test_no_bytes_of_anybody_open_a_session(pieces: list[bytes]) -> None:
    dialogue = Dialogue(SECRET, THEIRS)
    try:
        steps = fed(dialogue, pieces)
    except Foreign:
        return
    assert not any(isinstance(step, Open | Count) for step in steps)


@given(noise=st.binary(min_size=1, max_size=64))
def test_noise_after_an_opening_opens_nothing(noise: bytes) -> None:
    dialogue = Dialogue(SECRET, THEIRS)
    try:
        steps = fed(dialogue, [wire.opening(MINE), noise])
    except Foreign:
        return
    assert [step for step in steps if isinstance(step, Open)] == []
