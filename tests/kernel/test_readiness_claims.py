"""What is commonly said of epoll, tried: docs/concepts/readiness.md names these tests."""

from __future__ import annotations

import errno
import mmap
import os
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

MESSAGES = 50
PART = 1024


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        yield near, far


@dataclass(kw_only=True)
class Count:
    """System calls that handling took."""

    waits: int = 0
    reads: int = 0


def handle(
    pair: tuple[socket.socket, socket.socket], mask: int, *, size: int, drains: bool
) -> Count:
    """Send messages one by one and handle each: a read a wait, or all that there is."""
    near, far = pair
    count = Count()
    with select.epoll() as epoll:
        epoll.register(near, mask)
        for _ in range(MESSAGES):
            far.send(bytes(size))
            got = 0
            while got < size:
                count.waits += 1
                assert epoll.poll(5), "nothing was reported, and not everything was read"
                while True:
                    count.reads += 1
                    try:
                        got += len(near.recv(PART))
                    except BlockingIOError:
                        break
                    if not drains:
                        break
    return count


def test_edges_save_no_wait_where_a_read_takes_everything(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    level = handle(pair, select.EPOLLIN, size=PART, drains=False)
    edge = handle(pair, select.EPOLLIN | select.EPOLLET, size=PART, drains=True)

    assert (level.waits, level.reads) == (MESSAGES, MESSAGES)
    assert (edge.waits, edge.reads) == (MESSAGES, 2 * MESSAGES)


def test_edges_save_waits_where_a_message_takes_several_reads(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    level = handle(pair, select.EPOLLIN, size=4 * PART, drains=False)
    drained = handle(pair, select.EPOLLIN, size=4 * PART, drains=True)
    edge = handle(pair, select.EPOLLIN | select.EPOLLET, size=4 * PART, drains=True)

    assert level.waits == 4 * MESSAGES
    # The same without an edge: what saves the waits is reading on.
    assert drained.waits == edge.waits == MESSAGES


@pytest.mark.parametrize(("edge", "reports"), [(0, MESSAGES), (select.EPOLLET, 1)])
def test_interest_in_writing_is_reported_always_by_level_and_once_by_edge(
    pair: tuple[socket.socket, socket.socket], edge: int, reports: int
) -> None:
    with select.epoll() as epoll:
        epoll.register(pair[0], select.EPOLLOUT | edge)
        assert sum(len(epoll.poll(0)) for _ in range(MESSAGES)) == reports


def test_an_epoll_set_cannot_be_mapped(pair: tuple[socket.socket, socket.socket]) -> None:
    with select.epoll() as epoll:
        epoll.register(pair[0], select.EPOLLIN)
        with pytest.raises(OSError, match="No such device") as caught:
            mmap.mmap(epoll.fileno(), mmap.PAGESIZE)
    assert caught.value.errno == errno.ENODEV


def test_another_process_can_wait_on_a_set_that_it_inherited(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    near, far = pair
    with select.epoll() as epoll:
        child = os.fork()
        if child == 0:
            # What the child adds is in the set of both; what it waits for, any of them can take.
            epoll.register(near, select.EPOLLIN)
            os._exit(0 if epoll.poll(5) == [(near.fileno(), select.EPOLLIN)] else 1)
        far.send(b"x")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert epoll.poll(0) == [(near.fileno(), select.EPOLLIN)]


def test_a_set_can_be_passed_on_to_a_process_that_never_had_it(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    near, far = pair
    sender, receiver = socket.socketpair()
    with sender, receiver:
        child = os.fork()
        if child == 0:
            near.close()
            _, (number,), _, _ = socket.recv_fds(receiver, 1, 1)
            os._exit(0 if len(select.epoll.fromfd(number).poll(5)) == 1 else 1)
        with select.epoll() as epoll:
            epoll.register(near, select.EPOLLIN)
            far.send(b"x")
            socket.send_fds(sender, [b"."], [epoll.fileno()])
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_closed_descriptor_is_reported_while_the_file_is_open_elsewhere() -> None:
    near, far = socket.socketpair()
    with far, select.epoll() as epoll:
        number = near.fileno()
        epoll.register(number, select.EPOLLIN)
        copy = os.dup(number)
        near.close()
        far.send(b"x")
        assert epoll.poll(0) == [(number, select.EPOLLIN)]
        # And it cannot be removed by a number that is closed.
        with pytest.raises(OSError, match="Bad file descriptor"):
            epoll.unregister(number)
        os.close(copy)
        assert epoll.poll(0) == []
