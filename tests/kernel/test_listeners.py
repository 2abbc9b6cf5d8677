"""What listens here is found, and what is merely connected is not."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tunekit.kernel.listeners import ask, listening_ports


def asked() -> frozenset[int]:
    try:
        return ask()
    except OSError as error:
        pytest.skip(f"{error}: needs CONFIG_INET_DIAG and CONFIG_INET_UDP_DIAG (modprobe udp_diag)")


def read() -> frozenset[int]:
    return listening_ports(proc=Path("/proc"))


@pytest.mark.parametrize("ports", [asked, read, listening_ports])
def test_listeners_and_bound_sockets_are_seen_and_their_clients_are_not(
    ports: Callable[[], frozenset[int]],
) -> None:
    with ExitStack() as stack:
        expected = set()
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            stream = stack.enter_context(socket.create_server((address, 0), family=family))
            bound = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            bound.bind((address, 0))
            expected |= {stream.getsockname()[1], bound.getsockname()[1]}
            stack.enter_context(socket.create_connection(stream.getsockname()[:2]))
            client = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            client.connect(bound.getsockname())

        assert ports() == expected
    assert ports() == set()


def test_more_listeners_than_one_answer_holds_are_all_seen() -> None:
    with ExitStack() as stack:
        expected = {
            stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            for _ in range(700)
        }
        assert asked() == expected
