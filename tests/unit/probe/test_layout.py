"""How a load is spread over processes, listeners and addresses."""

from __future__ import annotations

import pytest

from tunekit.errors import ProbeRefused, UsageError
from tunekit.kernel import costs
from tunekit.probe import addresses, tokens
from tunekit.probe.load import Family, Load
from tunekit.probe.plan import Layout, lay_out


def layout(load: Load, *, hard: int = 20_000, ceiling: int = 0, ports: int = 28_232) -> Layout:
    return lay_out(load, hard=hard, ceiling=ceiling, ports=ports, cpus=2)


@pytest.mark.parametrize(("ports", "each"), [(28_232, 2500), (100, 40), (2, 1), (1, 1), (0, 1)])
def test_a_listener_gets_less_than_the_cheap_half_of_the_ports(ports: int, each: int) -> None:
    assert costs.per_listener(ports) == each


def test_a_number_is_spread_evenly() -> None:
    assert addresses.spread(11, 4) == [3, 3, 3, 2]


def test_listeners_have_addresses_of_their_own_in_loopback() -> None:
    found = [addresses.destination(Family.INET, serial) for serial in range(100_000)]
    assert len(set(found)) == 100_000
    assert all(address.startswith("127.") for address in found)
    assert found[:2] == ["127.1.0.0", "127.1.0.1"]


def test_ipv6_has_one_loopback_address() -> None:
    assert {addresses.destination(Family.INET6, serial) for serial in range(9)} == {"::1"}


@pytest.mark.parametrize("connections", [1, 499, 10_000, 200_000, 1_000_000])
@pytest.mark.parametrize("hard", [128, 1024, 20_000, 1 << 30])
@pytest.mark.parametrize("ports", [100, 28_232])
def test_every_process_stays_within_its_descriptors(
    connections: int, hard: int, ports: int
) -> None:
    found = layout(Load(connections=connections), hard=hard, ports=ports)
    assert sum(found.connections) == connections
    most = max(found.connections)
    assert most + found.listeners + costs.SPARE_DESCRIPTORS <= found.nofile <= hard
    assert -(-most // found.listeners) <= costs.per_listener(ports)


def test_ten_thousand_connections_take_a_pair_for_each_processor() -> None:
    assert layout(Load(connections=10_000)) == Layout(
        connections=(5000, 5000), listeners=2, nofile=20_000
    )


def test_every_processor_gets_as_many_pairs() -> None:
    found = lay_out(Load(connections=100_000), hard=20_000, ceiling=0, ports=28_232, cpus=4)
    assert len(found.connections) == 8


def test_a_few_hundred_connections_take_one_pair() -> None:
    assert len(layout(Load(connections=300)).connections) == 1


def test_too_few_processes_are_refused_with_what_would_do() -> None:
    with pytest.raises(ProbeRefused) as caught:
        layout(Load(connections=50_000, processes=2))
    assert str(caught.value) == (
        "rlimit.nofile: 25000 connections in one process take 25058 descriptors, its limit is "
        "20000; ulimit -n 25058, or 3 processes"
    )


def test_a_hard_limit_is_raised_where_that_is_allowed() -> None:
    found = layout(
        Load(connections=50_000, processes=2, nofile=30_000), hard=20_000, ceiling=1 << 20
    )
    assert found.nofile == 30_000


def test_a_limit_below_what_a_process_needs_is_refused() -> None:
    with pytest.raises(ProbeRefused, match="leaves none for connections"):
        layout(Load(connections=10), hard=40)


def test_more_processes_than_tokens_can_tell_apart_are_refused() -> None:
    with pytest.raises(ProbeRefused) as caught:
        layout(Load(connections=1_000_000), hard=64)
    assert str(caught.value) == (
        "rlimit.nofile: 1000000 connections at 64 descriptors a process take 71430 pairs of "
        "processes; 65536 is the most; ulimit -n 256"
    )


@pytest.mark.parametrize("load", [Load(connections=0), Load(connections=1, processes=0)])
def test_nothing_is_no_load(load: Load) -> None:
    with pytest.raises(UsageError, match="at least one"):
        layout(load)


def test_tokens_differ_by_run_round_shard_and_index() -> None:
    found = {
        tokens.base(nonce, shard, round_) + index
        for nonce in (7, 900)
        for round_ in (1, 2)
        for shard in (0, 1, 65_535)
        for index in (0, 1, (1 << 24) - 1)
    }
    assert len(found) == 36
    assert all(len(tokens.pack(token)) == tokens.SIZE for token in found)


def test_the_last_nonce_wraps_into_eight_bytes() -> None:
    assert len(tokens.pack(tokens.base((1 << 24) - 1, 65_535, 2))) == 8
