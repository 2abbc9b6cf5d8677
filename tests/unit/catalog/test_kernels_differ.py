"""The reasons that are kept for what kernels do are about keys and values that there are."""

from __future__ import annotations

import pytest

from tests.support.kernels_differ import FIRST, FRESH_BOOT, NARROWER, NOT_TRIED, why_narrower
from tunekit import catalog
from tunekit.catalog.model import Tunable
from tunekit.values import SysctlKey


def known(pattern: str) -> list[Tunable]:
    return [
        tunable
        for tunable in catalog.entries()
        if tunable.pattern == pattern or SysctlKey.parse(tunable.pattern).matches(pattern)
    ]


@pytest.mark.parametrize(
    "key", [*FRESH_BOOT, *NOT_TRIED, *FIRST, *(key for steps in FIRST.values() for key, _ in steps)]
)
def test_a_key_with_a_reason_is_in_the_catalogue(key: str) -> None:
    assert catalog.find(key) is not None


@pytest.mark.parametrize("pattern", NARROWER)
def test_a_value_that_some_kernels_refuse_is_one_that_the_catalogue_says_is_stored(
    pattern: str,
) -> None:
    tunables = known(pattern)
    assert tunables
    for each in NARROWER[pattern]:
        assert each.why
        for tunable in tunables if each.value is not None else ():
            edges = {edge for field in tunable.fields for edge in (field.minimum, field.maximum)}
            edges |= {
                field.minimum - 1
                for field in tunable.fields
                if field.minimum is not None and field.lax.below
            }
            assert each.value in edges


def test_the_reason_belongs_to_the_value() -> None:
    key = SysctlKey.parse("net.core.max_skb_frags")
    tunable = catalog.find(key)
    assert tunable is not None
    assert why_narrower(key, tunable.fields[0], 45) == "at most CONFIG_MAX_SKB_FRAGS"
    assert why_narrower(key, tunable.fields[0], 44) == ""


def test_what_is_kept_in_ticks_has_its_reason_by_its_maximum() -> None:
    key = SysctlKey.parse("net.ipv4.tcp_fin_timeout")
    tunable = catalog.find(key)
    assert tunable is not None
    assert "ticks" in why_narrower(key, tunable.fields[0], 21_474_836)
    assert why_narrower(key, tunable.fields[0], 1) == ""
