"""What sock_diag answers, as recorded bytes."""

from __future__ import annotations

import errno
import sys

import pytest

from tunekit.kernel.sockdiag import (
    Connection,
    Listener,
    Place,
    parse_dump,
    read_connections,
    read_listeners,
    read_ports,
)

pytestmark = pytest.mark.skipif(sys.byteorder == "big", reason="the bytes are of a little machine")

# A listener on 127.0.0.1:8080 and an attribute of 8 bytes (INET_DIAG_SHUTDOWN).
LISTENER = bytes.fromhex(
    "60000000 1400 0200 00000000 78563412"
    "020a0000 1f90 0000 7f000001 000000000000000000000000"
    "00000000 000000000000000000000000 00000000 0100000000000000"
    "00000000 00000000 80000000 00000000 39300000"
    "05000800 00000000"
)
# [::]:53, state 7 (TCP_CLOSE): an unconnected UDP socket, 1 byte of attribute and its padding.
BOUND = bytes.fromhex(
    "5d000000 1400 0200 00000000 78563412"
    "0a070000 0035 0000 00000000 000000000000000000000000"
    "00000000 000000000000000000000000 00000000 0200000000000000"
    "00000000 00000000 00000000 00000000 3a300000"
    "05000800 00000000"
)
DONE = bytes.fromhex("14000000 0300 0200 00000000 78563412 00000000")
NO_MODULE = bytes.fromhex(
    "24000000 0200 0000 00000000 78563412 feffffff 48000000 1400 0103 00000000 00000000"
)

# 127.0.0.1:8080 to 127.0.0.1:40780, established, on Linux 6.18.
ESTABLISHED = (
    "02010000 1f909f4c 7f000001 00000000 00000000 00000000 7f000001 00000000 00000000 00000000"
    "00000000 e5390000 00000000 00000000 00000000 00000000 00000000 2be9f001"
)
SHUTDOWN = "05000800 00000000"
SIZES = "28000700 00000000 00000200 00000000 001e3c00 00000000 00000000 00000000 00000000 00000000"
BBR = "08000400 62627200"
CUBIC = "0a000400 63756269 63000000"


def message(*parts: str) -> bytes:
    body = bytes.fromhex("".join(parts))
    return bytes.fromhex(f"{len(body) + 16:02x}000000 1400 0200 00000000 78563412") + body


def places(data: bytes) -> list[Place]:
    view = memoryview(data)
    return [(view, start, end) for start, end in parse_dump(view)[0]]


@pytest.mark.parametrize(
    ("data", "ports", "last"),
    [
        (LISTENER, {8080}, False),
        (LISTENER + BOUND, {8080, 53}, False),
        (BOUND + LISTENER, {8080, 53}, False),
        (LISTENER + DONE, {8080}, True),
        (DONE, set(), True),
    ],
)
def test_the_ports_of_a_dump_are_its_local_ones(data: bytes, ports: set[int], last: bool) -> None:
    assert set(read_ports(places(data))) == ports
    assert parse_dump(memoryview(data))[1] is last


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (NO_MODULE, errno.ENOENT),
        (DONE[:-4] + bytes.fromhex("f3ffffff"), errno.EACCES),
        (bytes(16), errno.EBADMSG),
    ],
)
def test_a_refusal_is_an_error_with_the_kernels_errno(data: bytes, number: int) -> None:
    with pytest.raises(OSError) as caught:  # noqa: PT011
        parse_dump(memoryview(data))
    assert caught.value.errno == number


def test_a_listener_has_its_backlog_and_no_sizes_where_the_kernel_gives_none() -> None:
    assert list(read_listeners(places(LISTENER))) == [
        Listener("127.0.0.1", 8080, 12345, backlog=128, queued=0, receive=None, send=None)
    ]


def test_connections_have_their_algorithm_and_sizes_wherever_the_attributes_are() -> None:
    first = message(ESTABLISHED, SHUTDOWN, SIZES, BBR)
    swapped = message(ESTABLISHED, SIZES, SHUTDOWN, BBR)
    longer = message(ESTABLISHED, SHUTDOWN, SIZES, CUBIC)
    neither = message(ESTABLISHED, SHUTDOWN)
    bbr = Connection(32565547, "bbr", 131072, 3939840)

    assert list(read_connections(places(first + swapped + longer + first + neither))) == [
        bbr,
        bbr,
        Connection(32565547, "cubic", 131072, 3939840),
        bbr,
        Connection(32565547, "", None, None),
    ]
