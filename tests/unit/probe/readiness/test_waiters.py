"""Every mechanism finds what is ready, and nothing else."""

from __future__ import annotations

import fcntl
import os
import resource
import socket
from collections.abc import Iterator

import pytest

from tunekit.probe.readiness.model import Mechanism, Wait
from tunekit.probe.readiness.waiters import (
    FD_SETSIZE,
    EpollWaiter,
    PollWaiter,
    SelectWaiter,
    Waiter,
)

MAKERS = {
    Mechanism.SELECT: SelectWaiter,
    Mechanism.POLL: PollWaiter,
    Mechanism.LEVEL: lambda descriptors: EpollWaiter(descriptors, edge=False),
    Mechanism.EDGE: lambda descriptors: EpollWaiter(descriptors, edge=True),
}


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    made = [socket.socketpair() for _ in range(5)]
    yield made
    for pair in made:
        for each in pair:
            each.close()


@pytest.fixture(params=MAKERS, ids=lambda mechanism: mechanism.value)
def waiter(
    request: pytest.FixtureRequest, pairs: list[tuple[socket.socket, socket.socket]]
) -> Iterator[Waiter]:
    made = MAKERS[request.param]([near.fileno() for near, _ in pairs])
    yield made
    made.close()


def test_what_is_ready_is_found(
    waiter: Waiter, pairs: list[tuple[socket.socket, socket.socket]]
) -> None:
    assert waiter.ready() == []
    for number in (1, 4):
        pairs[number][1].send(b"x")
    assert sorted(waiter.ready()) == sorted(pairs[number][0].fileno() for number in (1, 4))


@pytest.mark.parametrize("wait", Wait)
def test_each_timed_call_finds_it_again_once_prepared(
    waiter: Waiter, wait: Wait, pairs: list[tuple[socket.socket, socket.socket]]
) -> None:
    pairs[2][1].send(b"x")
    if isinstance(waiter, EpollWaiter):
        waiter.expect([pairs[2][0].fileno()])
    waiter.ready()
    for _ in range(3):
        waiter.prepare(1)
        assert waiter.run(wait, 1) == 1


def test_an_edge_shows_once(pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    edge = EpollWaiter([near.fileno() for near, _ in pairs], edge=True)
    pairs[0][1].send(b"x")
    assert edge.run(Wait.NOW, 1) == 1
    assert edge.run(Wait.NOW, 1) == 0
    edge.close()


@pytest.fixture
def high() -> Iterator[int]:
    """A descriptor that no fd_set of the C library has a bit for, ready to be read."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard <= FD_SETSIZE + 100:
        pytest.skip("needs a hard nofile over 1124: ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    reader, writer = os.pipe()
    os.write(writer, b"x")
    number = fcntl.fcntl(reader, fcntl.F_DUPFD, FD_SETSIZE + 10)
    yield number
    for each in (reader, writer, number):
        os.close(each)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_select_refuses_a_descriptor_past_its_set(high: int) -> None:
    with pytest.raises(ValueError, match=rf"descriptor {high} is past 1023, the last bit of an"):
        SelectWaiter([high])


def test_the_kernel_itself_takes_a_larger_set(high: int) -> None:
    waiter = SelectWaiter([high], limit=high)
    assert waiter.ready() == [high]
