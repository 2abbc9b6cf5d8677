"""What the supervisor and its shards say to each other."""

from __future__ import annotations

from tunekit.probe import shard, tokens
from tunekit.probe.load import Family, Load
from tunekit.probe.plan import in_flight
from tunekit.probe.shard import Pace


def test_a_pace_survives_its_message() -> None:
    pace = Pace(start=1 << 60, interval=12_345)
    assert shard.pace_of(shard.connect(pace)) == pace
    assert shard.pace_of(shard.connect()) is None
    assert [pace.due(index) - (1 << 60) for index in (0, 1, 4)] == [0, 12_345, 49_380]


def test_a_round_survives_its_message() -> None:
    assert [shard.round_of(say(70_000)) for say in (shard.prove, shard.talk)] == [70_000, 70_000]


def test_a_message_is_of_its_size_and_unlike_any_other() -> None:
    found = {tokens.message(token, 21) for token in range(1000, 1100)}
    assert len(found) == 100
    assert {len(message) for message in found} == {21}


def test_messages_in_flight_leave_tcp_below_its_first_mark() -> None:
    small, large = Load(connections=1), Load(connections=1, payload=1 << 16)
    assert in_flight(small, pages=None, page_size=4096, clients=2) == 64
    assert in_flight(small, pages=100_000, page_size=4096, clients=2) == 64
    assert in_flight(small, pages=100, page_size=4096, clients=2) == 25
    assert in_flight(large, pages=1000, page_size=4096, clients=2) == 7
    assert in_flight(large, pages=0, page_size=4096, clients=2) == 1
    unbound = Load(connections=1, family=Family.UNIX)
    assert in_flight(unbound, pages=0, page_size=4096, clients=2) == 64
