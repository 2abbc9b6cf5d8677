"""What a key holds after a write, worked out beforehand."""

from __future__ import annotations

import pytest

from tunekit.files.stored import Stored, store

RP_FILTER = "net.ipv4.conf.all.rp_filter"
TCP_RMEM = "net.ipv4.tcp_rmem"


@pytest.mark.parametrize("written", ["-1", "3"])
def test_the_kernel_stores_what_is_out_of_a_range_that_it_does_not_enforce(written: str) -> None:
    assert store(RP_FILTER, "1", written) == Stored(text=written)


def test_a_bound_may_be_enforced_on_one_side_only() -> None:
    assert store("net.ipv4.tcp_fin_timeout", "60", "0") == Stored(text="0")
    assert store("net.ipv4.tcp_fin_timeout", "60", "21474837") == Stored(text="60", taken=False)


def test_what_is_out_of_an_enforced_range_changes_nothing() -> None:
    assert store("net.core.somaxconn", "128", "-1") == Stored(text="128", taken=False)


def test_fields_before_the_refused_one_are_stored() -> None:
    assert store(TCP_RMEM, "4096 131072 6291456", "8192 20000 -1") == Stored(
        text="8192 20000 6291456"
    )
