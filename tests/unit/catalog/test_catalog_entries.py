"""Every entry of the catalogue is well formed, and agrees with the others.

Each test lists the entries that break its rule, so that one run shows them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tunekit import catalog
from tunekit.catalog.model import Direction, Field, Invariant, Scope, Tier, Tunable
from tunekit.values import Kind, SysctlKey

ENTRIES = catalog.entries()
KEYS = tuple(SysctlKey.parse(tunable.pattern) for tunable in ENTRIES)
SHOWN_TWICE = ("base_reachable_time", "retrans_time")
"""Names of a number that has an entry under another name already."""


def is_command(tunable: Tunable) -> bool:
    """Tell whether a key does something when it is written, and keeps no value."""
    return tunable.takes_effect.startswith("when it is written")


def bounds(field: Field) -> tuple[int, int]:
    assert field.minimum is not None
    assert field.maximum is not None
    return field.minimum, field.maximum


def settable_numbers() -> Iterator[Tunable]:
    for tunable in ENTRIES:
        settable = tunable.tier in (Tier.TUNABLE, Tier.SECURITY)
        if tunable.kind is Kind.NUMBERS and settable and not is_command(tunable):
            yield tunable


def test_there_is_one_entry_a_pattern() -> None:
    modules = [import_module(f"tunekit.catalog.{subject}") for subject in catalog.SUBJECTS]
    patterns = [tunable.pattern for module in modules for tunable in module.ENTRIES]
    assert sorted(patterns) == sorted(set(patterns))
    assert len(patterns) == len(ENTRIES) > 400


def test_every_module_with_entries_is_a_subject() -> None:
    folder = Path(catalog.__file__).parent
    with_entries = {path.stem for path in folder.glob("*.py") if "ENTRIES = " in path.read_text()}
    assert with_entries == set(catalog.SUBJECTS)


def test_the_pattern_is_a_key_with_at_most_one_interface() -> None:
    for tunable in ENTRIES:
        key = SysctlKey.parse(tunable.pattern)
        assert str(key) == tunable.pattern
        assert key.parts.count("*") <= 1
        assert "*" not in tunable.pattern.replace(".*.", "..")


def test_each_says_what_it_is_when_it_takes_effect_and_where_that_is_known_from() -> None:
    assert [
        tunable.pattern
        for tunable in ENTRIES
        if not (tunable.summary and tunable.takes_effect and tunable.source)
    ] == []


def test_a_summary_fits_a_line_or_two_of_a_table() -> None:
    assert [
        tunable.pattern
        for tunable in ENTRIES
        if len(tunable.summary) > 120 or tunable.summary.endswith(".") or len(tunable.unit) > 30
    ] == []


def test_a_number_that_can_be_set_has_a_unit_and_a_range_that_is_not_empty() -> None:
    for tunable in settable_numbers():
        assert tunable.unit, tunable.pattern
        for field in tunable.fields:
            low, high = bounds(field)
            assert low <= high, tunable.pattern


def test_a_value_with_several_fields_names_each() -> None:
    for tunable in ENTRIES:
        names = [field.name for field in tunable.fields]
        if len(names) == 1:
            assert names == [""], tunable.pattern
        else:
            assert all(names), tunable.pattern
            assert len(set(names)) == len(names), tunable.pattern


def test_a_text_is_never_more_than_another() -> None:
    assert [
        tunable.pattern
        for tunable in ENTRIES
        if tunable.kind is Kind.TEXT
        and [field.direction for field in tunable.fields] != [Direction.NONE]
    ] == []


def test_a_floor_lies_inside_the_range_and_says_what_breaks_below_it() -> None:
    for tunable in ENTRIES:
        if tunable.floor is None:
            continue
        for field in tunable.fields:
            low, high = bounds(field)
            assert low <= tunable.floor <= high, tunable.pattern
        assert tunable.risk_note, tunable.pattern


def test_what_guards_the_host_or_cannot_be_undone_says_what_can_happen() -> None:
    assert [
        tunable.pattern
        for tunable in ENTRIES
        if (tunable.tier is Tier.SECURITY or tunable.one_way or tunable.final)
        and not tunable.risk_note
    ] == []


def test_what_is_obsolete_says_what_to_use_instead() -> None:
    for tunable in ENTRIES:
        assert (tunable.tier is Tier.OBSOLETE) == bool(tunable.replacement), tunable.pattern
        assert not tunable.removed or tunable.tier is Tier.OBSOLETE, tunable.pattern
        successor = tunable.replacement.split(",")[0]
        if successor.startswith(("net.", "fs.", "vm.", "kernel.", "rlimit.")):
            found = catalog.find(successor)
            assert found is not None, tunable.pattern
            assert found.tier is Tier.TUNABLE, tunable.pattern


def test_the_keys_that_one_names_are_known() -> None:
    for tunable in ENTRIES:
        for other in (*tunable.related, *filter(None, [tunable.exclusive])):
            assert catalog.find(other) is not None, (tunable.pattern, other)
            assert other != tunable.pattern
        for other in (*tunable.moves, *tunable.before):
            known = catalog.find(other) is not None or other.endswith(SHOWN_TWICE)
            assert known or any(key.matches(other) for key in KEYS), (tunable.pattern, other)


def test_keys_that_exclude_each_other_both_say_so() -> None:
    pairs = {tunable.pattern: tunable.exclusive for tunable in ENTRIES if tunable.exclusive}
    assert pairs == {other: key for key, other in pairs.items()}
    assert pairs["vm.dirty_bytes"] == "vm.dirty_ratio"
    assert pairs["vm.dirty_background_bytes"] == "vm.dirty_background_ratio"


def test_a_limit_of_a_process_is_soft_and_hard() -> None:
    limits = [tunable for tunable in ENTRIES if tunable.scope is Scope.PROCESS]
    assert [limit.pattern for limit in limits] == [
        tunable.pattern for tunable in ENTRIES if tunable.pattern.startswith("rlimit.")
    ]
    for limit in limits:
        assert [field.name for field in limit.fields] == ["soft", "hard"]
        assert limit.ordered


def test_only_what_the_network_has_differs_between_network_namespaces() -> None:
    assert [
        tunable.pattern
        for tunable in ENTRIES
        if tunable.scope in (Scope.NETNS, Scope.HOST_VISIBLE)
        and not tunable.pattern.startswith("net.")
    ] == []


@pytest.mark.parametrize("invariant", catalog.INVARIANTS, ids=lambda pair: pair.low[0])
def test_an_invariant_is_about_fields_that_exist(invariant: Invariant) -> None:
    for key, index in (invariant.low, invariant.high):
        tunable = catalog.find(key)
        assert tunable is not None
        assert 0 <= index < len(tunable.fields)


@pytest.mark.parametrize(
    ("key", "unit", "default"),
    [
        ("net.ipv4.tcp_mem", "pages", "4.7, 6.2 and 9.4 % of the memory"),
        ("net.core.somaxconn", "connections", "4096 (128 before 5.4)"),
        ("net.ipv4.tcp_notsent_lowat", "bytes", "4294967295, no limit"),
        ("vm.dirty_expire_centisecs", "centiseconds", "3000"),
        ("net.ipv4.tcp_tw_reuse_delay", "milliseconds", "1000"),
        ("rlimit.nofile", "descriptors", "1024:4096 from the kernel, 1024:524288 under systemd"),
    ],
)
def test_units_and_defaults_are_those_of_the_kernel(key: str, unit: str, default: str) -> None:
    tunable = catalog.find(key)
    assert tunable is not None
    assert (tunable.unit, tunable.default) == (unit, default)


def test_times_are_bounded_by_the_slowest_clock_and_never_negative() -> None:
    tunable = catalog.find("net.ipv4.tcp_fin_timeout")
    assert tunable is not None
    assert [bounds(field) for field in tunable.fields] == [(1, 21_474_836)]


def test_a_port_range_is_wider_with_a_lower_low_end() -> None:
    tunable = catalog.find("net.ipv4.ip_local_port_range")
    assert tunable is not None
    assert [field.direction for field in tunable.fields] == [Direction.DOWN, Direction.UP]
