"""What sock_diag answers, as recorded bytes."""

from __future__ import annotations

import errno
import sys

import pytest

from tunekit.kernel.listeners import parse_dump

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
    assert parse_dump(data) == (ports, last)


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
        parse_dump(data)
    assert caught.value.errno == number
