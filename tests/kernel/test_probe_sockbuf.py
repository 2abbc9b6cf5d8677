"""Buffers grant what the rules say, and take what they hold."""

from __future__ import annotations

import pytest

from tunekit.probe import sockbuf
from tunekit.probe.load import Family
from tunekit.probe.model import Measurement


def by_name(figures: tuple[Measurement, ...]) -> dict[str, Measurement]:
    return {
        f"{one.name} {one.parameters['option']}" if "option" in one.parameters else one.name: one
        for one in figures
    }


@pytest.mark.parametrize("send", [None, 0, 4608, 65_536, 1 << 30])
def test_a_send_buffer_is_granted_as_predicted(send: int | None) -> None:
    granted = by_name(sockbuf.measure([send], [2048]))["sockbuf.granted SO_SNDBUF"]
    assert granted.measured == granted.granted == granted.predicted
    assert granted.requested == send


@pytest.mark.parametrize("receive", [None, 0, 4608, 65_536, 1 << 30])
def test_a_receive_buffer_is_granted_as_predicted(receive: int | None) -> None:
    granted = by_name(sockbuf.measure([1 << 20], [receive]))["sockbuf.granted SO_RCVBUF"]
    assert granted.measured == granted.granted == granted.predicted
    assert granted.requested == receive


@pytest.mark.parametrize("family", [Family.INET, Family.INET6])
def test_what_is_accepted_is_unacknowledged_or_unread(family: Family) -> None:
    found = by_name(sockbuf.measure([65_536], [65_536], family=family))
    accepted, unacked, unsent, unread = (
        found[f"sockbuf.{name}"].measured for name in ("accepted", "unacked", "unsent", "unread")
    )
    assert accepted is not None
    assert unacked is not None
    assert unread is not None
    assert unsent is not None
    assert accepted == unacked + unread
    assert unsent <= unacked
    assert unread > 0


def test_a_larger_send_buffer_accepts_more() -> None:
    small, large = (
        by_name(sockbuf.measure([size], [4096]))["sockbuf.accepted"].measured
        for size in (16_384, 262_144)
    )
    assert small is not None
    assert large is not None
    assert small < 65_536
    assert large > 4 * small


def test_a_buffer_that_nobody_set_grows() -> None:
    found = by_name(sockbuf.measure([None], [65_536]))
    assert found["sockbuf.granted SO_SNDBUF"].measured == 16_384
    buffer = found["sockbuf.accepted"].parameters["send_buffer"]
    assert isinstance(buffer, int)
    assert buffer > 16_384


def test_each_pair_is_told_of_before_it_is_measured() -> None:
    told: list[str] = []
    sockbuf.measure([None, 4608], [2048], observe=told.append)
    assert told == [
        "SO_SNDBUF unset, SO_RCVBUF 2048",
        "SO_SNDBUF 4608, SO_RCVBUF 2048",
    ]
