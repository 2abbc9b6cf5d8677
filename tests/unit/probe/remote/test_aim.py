"""Where connections go: addresses as they are written, and how they are spread."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.errors import ProbeRefused, UsageError
from tunekit.probe.load import Family, Load
from tunekit.probe.remote import aim as aims
from tunekit.probe.remote import secret
from tunekit.probe.remote.aim import Aim, Route
from tunekit.probe.remote.model import Endpoint
from tunekit.probe.remote.wire import Share

ONE = Endpoint(address="192.0.2.1", port=7077)
TWO = Endpoint(address="2001:db8::1", port=7077)


def test_addresses_are_read_as_they_are_written() -> None:
    for text, endpoint in (("192.0.2.1:7077", ONE), ("[2001:db8::1]:7077", TWO)):
        assert Endpoint.parse(text) == endpoint
        assert str(endpoint) == text
    assert (ONE.family, TWO.family) == (Family.INET, Family.INET6)


@pytest.mark.parametrize(
    "text",
    [
        *("", "7077", ":7077", "192.0.2.1", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536"),
        *("host:1", "2001:db8::1:7077", "[192.0.2.1]:1", "[::1]", "192.0.2.1:7x", "192.0.2.1:-1"),
        "192.0.2.1:\N{FULLWIDTH DIGIT ONE}",
    ],
)
def test_anything_else_is_refused_with_how_to_write_it(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Endpoint.parse(text)
    assert str(caught.value) == (
        f"{text!r} is no address and port; write 192.0.2.1:7000 or [2001:db8::1]:7000; names are "
        "not looked up"
    )


@pytest.mark.parametrize(
    ("address", "loopback", "unspecified"),
    [
        ("127.0.0.1", True, False),
        ("127.9.9.9", True, False),
        ("::1", True, False),
        ("0.0.0.0", False, True),
        ("::", False, True),
        ("10.0.0.1", False, False),
        ("::ffff:127.0.0.1", False, False),
    ],
)
def test_what_others_can_reach_is_known(address: str, loopback: bool, unspecified: bool) -> None:
    endpoint = Endpoint(address=address, port=1)
    assert (endpoint.is_loopback, endpoint.is_any) == (loopback, unspecified)


def test_connections_are_spread_over_the_sources_of_their_family() -> None:
    aim = Aim(
        load=Load(connections=11),
        targets=(ONE, TWO),
        sources=("192.0.2.8", "192.0.2.9", "2001:db8::8"),
    )
    assert aim.destinations == 3
    assert aim.routes(ONE, 5) == [
        Route(target=ONE, source="192.0.2.8", connections=3),
        Route(target=ONE, source="192.0.2.9", connections=2),
    ]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (("here",), "'here' is no address to connect from"),
        (("2001:db8::8",), "no --source is of the family of 192.0.2.1:7077"),
    ],
)
def test_sources_of_no_use_are_refused(sources: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Aim(load=Load(connections=1), targets=(ONE,), sources=sources)
    assert caught.value.message == message


@given(st.integers(2, 100_000), st.integers(100, 30_000), st.integers(1, 8))
def test_every_connection_has_a_process_with_room_for_it(
    connections: int, hard: int, cpus: int
) -> None:
    aim = Aim(load=Load(connections=connections), targets=(ONE, TWO))
    parts = aims.shares(aim, hard=hard, cpus=cpus)
    sizes = aims.sizes(parts)
    assert sum(sizes) == connections
    assert max(sizes) <= hard - 48
    assert len(sizes) == sum(part.shards for part in parts)


def test_too_few_processes_are_refused_with_what_it_takes() -> None:
    aim = Aim(load=Load(connections=1000, processes=2), targets=(ONE,))
    with pytest.raises(ProbeRefused) as caught:
        aims.shares(aim, hard=200, cpus=2)
    assert str(caught.value) == (
        "rlimit.nofile: 500 connections in one process take 548 descriptors, its limit is 200; "
        "ulimit -n 548, or more --processes"
    )
    assert aims.shares(aim, hard=20_000, cpus=2) == [Share(connections=1000, shards=2)]


def test_a_token_is_read_without_the_blanks_around_it(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"0123456789abcdef\n")
    path.chmod(0o600)
    assert secret.read(path) == b"0123456789abcdef"


@pytest.mark.parametrize(
    ("mode", "text", "message"),
    [
        (0o644, b"0123456789abcdef", "others may use this token: its mode is 0644"),
        (0o620, b"0123456789abcdef", "others may use this token: its mode is 0620"),
        (0o600, b"0123456789abcde\n", "a token has 16 to 4096 bytes, this one 15"),
        (0o600, b"x" * 5000, "a token has 16 to 4096 bytes, this one 4097"),
    ],
)
def test_a_token_that_cannot_be_kept_secret_is_refused(
    tmp_path: Path, mode: int, text: bytes, message: str
) -> None:
    path = tmp_path / "token"
    path.write_bytes(text)
    path.chmod(mode)
    with pytest.raises(UsageError) as caught:
        secret.read(path)
    assert (caught.value.message, caught.value.path) == (message, str(path))


def test_a_token_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a token is kept in a file"):
        secret.read(tmp_path)
    with pytest.raises(UsageError, match="cannot read the token: No such file or directory"):
        secret.read(tmp_path / "none")
