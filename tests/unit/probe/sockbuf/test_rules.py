"""What the kernel grants for SO_SNDBUF and SO_RCVBUF."""

from __future__ import annotations

import pytest

from tunekit.probe.sockbuf.rules import (
    Grant,
    Option,
    Why,
    predict,
    predict_forced,
    predict_unset,
)

MAX = 4_194_304


@pytest.mark.parametrize(
    ("option", "requested", "size", "why"),
    [
        (Option.SEND, 65_536, 131_072, Why.DOUBLED),
        (Option.SEND, 2304, 4608, Why.DOUBLED),
        (Option.SEND, 2303, 4608, Why.RAISED),
        (Option.SEND, 0, 4608, Why.RAISED),
        (Option.SEND, MAX, 2 * MAX, Why.DOUBLED),
        (Option.SEND, MAX + 1, 2 * MAX, Why.CLAMPED),
        (Option.SEND, -1, 2 * MAX, Why.CLAMPED),
        (Option.RECEIVE, 1152, 2304, Why.DOUBLED),
        (Option.RECEIVE, 1151, 2304, Why.RAISED),
        (Option.RECEIVE, 8_388_608, 2 * MAX, Why.CLAMPED),
    ],
)
def test_a_size_is_cut_doubled_and_raised_to_the_minimum(
    option: Option, requested: int, size: int, why: Why
) -> None:
    grant = predict(option, requested, ceiling=MAX)
    assert (grant.size, grant.why) == (size, why)


def test_the_key_that_cuts_is_named() -> None:
    assert predict(Option.RECEIVE, 1 << 20, ceiling=212_992) == Grant(
        size=425_984,
        why=Why.CLAMPED,
        explanation="2 * 212992: net.core.rmem_max cuts 1048576",
    )


def test_a_buffer_that_nobody_set_is_not_doubled() -> None:
    assert predict_unset(Option.SEND, field=16_384) == Grant(
        size=16_384,
        why=Why.AUTOMATIC,
        explanation="net.ipv4.tcp_wmem begins at 16384; it is tuned as data flows",
    )


@pytest.mark.parametrize(
    ("requested", "size", "why"),
    [
        (-1, 4608, Why.RAISED),
        (2303, 4608, Why.RAISED),
        (2304, 4608, Why.FORCED),
        (MAX + 1, 2 * MAX + 2, Why.FORCED),
        (2**31 - 1, 2**31 - 2, Why.FORCED),
    ],
)
def test_force_knows_no_maximum_and_takes_a_negative_size_for_none(
    requested: int, size: int, why: Why
) -> None:
    grant = predict_forced(Option.SEND, requested)
    assert (grant.size, grant.why) == (size, why)


def test_a_maximum_that_would_overflow_is_cut() -> None:
    assert predict(Option.SEND, -1, ceiling=2**31 - 1).size == 2**31 - 2
