"""Looking up a key."""

from __future__ import annotations

import pytest

from tunekit import catalog
from tunekit.values import SysctlKey


@pytest.mark.parametrize(
    ("key", "pattern"),
    [
        ("net.core.somaxconn", "net.core.somaxconn"),
        ("net.ipv4.conf.eth0.rp_filter", "net.ipv4.conf.*.rp_filter"),
        ("net.ipv4.conf.eth0/100.rp_filter", "net.ipv4.conf.*.rp_filter"),
        ("net.ipv4.conf.all.rp_filter", "net.ipv4.conf.*.rp_filter"),
        ("net.ipv4.conf.default.rp_filter", "net.ipv4.conf.default.rp_filter"),
        ("net.ipv4.conf.all.forwarding", "net.ipv4.conf.all.forwarding"),
        ("net.ipv6.conf.wlan0.disable_ipv6", "net.ipv6.conf.*.disable_ipv6"),
        ("net.ipv4.neigh.default.gc_thresh3", "net.ipv4.neigh.default.gc_thresh3"),
        ("net.ipv6.neigh.eth1.gc_stale_time", "net.ipv6.neigh.*.gc_stale_time"),
        ("rlimit.nofile", "rlimit.nofile"),
    ],
)
def test_an_entry_of_its_own_comes_before_one_for_every_interface(key: str, pattern: str) -> None:
    by_text = catalog.find(key)
    assert by_text is not None
    assert by_text.pattern == pattern
    assert catalog.find(SysctlKey.parse(key)) is by_text


@pytest.mark.parametrize(
    "key",
    [
        "net.core.somaxcon",
        "net.ipv4.conf.eth0.no_such_setting",
        "net.ipv4.conf.rp_filter",
        "net.ipv4.conf.a.b.rp_filter",
        "rlimit.files",
        "",
    ],
)
def test_what_is_not_in_the_catalogue_is_not_found(key: str) -> None:
    assert catalog.find(key) is None


@pytest.mark.parametrize(
    ("key", "unsafe"),
    [
        ("vm.stat_refresh", True),
        ("vm.drop_caches", True),
        ("vm.compact_memory", True),
        ("net.ipv4.route.flush", True),
        ("net.ipv6.route.flush", True),
        ("net.ipv4.tcp_fastopen_key", True),
        ("net.ipv6.conf.eth0.stable_secret", True),
        ("net.core.netdev_rss_key", True),
        ("fs.binfmt_misc.status", True),
        ("net.core.somaxconn", False),
        ("kernel.core_pattern", False),
        ("fs.binfmt_misc_or_so", False),
        ("some.unknown.key", False),
    ],
)
def test_triggers_and_secrets_are_not_safe_to_read(key: str, unsafe: bool) -> None:
    assert catalog.is_unsafe_to_read(key) is unsafe
    assert catalog.is_unsafe_to_read(SysctlKey.parse(key)) is unsafe


@pytest.mark.parametrize(
    ("key", "moves"),
    [
        (
            "net.ipv4.ip_forward",
            ("net.ipv4.conf.*.forwarding", "net.ipv4.conf.all.accept_redirects"),
        ),
        ("net.ipv4.conf.default.rp_filter", ("net.ipv4.conf.*.rp_filter",)),
        ("net.ipv4.conf.default.route_localnet", ()),
        ("net.ipv4.conf.eth0.rp_filter", ()),
        ("net.ipv6.conf.all.disable_ipv6", ("net.ipv6.conf.*.disable_ipv6",)),
        ("net.ipv6.conf.default.disable_ipv6", ()),
    ],
)
def test_a_write_moves_the_partners_that_the_kernel_moves(key: str, moves: tuple[str, ...]) -> None:
    tunable = catalog.find(key)
    assert tunable is not None
    assert tunable.moves == moves


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("net.core.somaxcon", ("net.core.somaxconn",)),
        ("net.core.tcp_wmem", ("net.ipv4.tcp_wmem",)),
        ("net/core/tcp_wmem", ("net.ipv4.tcp_wmem",)),
        ("net.ipv6.tcp_rmem", ("net.ipv4.tcp_rmem",)),
        ("NET.CORE.SOMAXCONN", ("net.core.somaxconn",)),
        ("somaxconn", ("net.core.somaxconn",)),
        ("fs.file_max", ("fs.file-max",)),
        ("fs.nr-open", ("fs.nr_open",)),
        ("net.ipv4.rmem_max", ("net.core.rmem_max",)),
        ("net.ipv4.conf.eth0.rp_filtr", ("net.ipv4.conf.eth0.rp_filter",)),
        ("rlimit.nofiles", ("rlimit.nofile",)),
        ("net.ipv4.ip_local_port_rang", ("net.ipv4.ip_local_port_range",)),
        ("quite.something.else", ()),
        ("", ()),
        ("x" * 5000, ()),
    ],
)
def test_a_misspelt_key_gets_a_suggestion(typed: str, expected: tuple[str, ...]) -> None:
    assert catalog.suggest(typed)[: max(1, len(expected))] == expected


def test_keys_of_the_running_kernel_are_suggested_too() -> None:
    assert catalog.suggest("abi.vsyscal32", also=["abi.vsyscall32"]) == ("abi.vsyscall32",)


def test_at_most_three_names_are_suggested() -> None:
    found = catalog.suggest("net.ipv4.tcp_wmen")
    assert found[0] == "net.ipv4.tcp_wmem"
    assert len(found) == 3


def test_what_is_obsolete_is_never_suggested() -> None:
    assert "net.ipv4.tcp_tw_recycle" not in catalog.suggest("net.ipv4.tcp_tw_recycl")
