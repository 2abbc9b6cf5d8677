"""The profiles that come with tunekit keep what they promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunekit import catalog, profile
from tunekit.catalog.model import Direction, Scope
from tunekit.kernel.host import HostFacts
from tunekit.profile.model import Mode, Profile
from tunekit.values import SysctlKey

FOLDER = Path(__file__).parents[2] / "profiles"
NAMES = (
    "base",
    "bulk-transfer",
    "container",
    "high-conn",
    "low-latency",
    "proxy",
    "web-server",
)
LARGE = HostFacts(ram=24 * 2**30, cpus=8, page_size=4096)
SMALL = HostFacts(ram=512 * 2**20, cpus=1, page_size=4096)
MODES_ON_PURPOSE = {
    "net.ipv4.tcp_autocorking": 0,
    "net.ipv4.tcp_fastopen": 3,
    "net.ipv4.tcp_migrate_req": 1,
    "net.ipv4.tcp_moderate_rcvbuf": 1,
    "net.ipv4.tcp_mtu_probing": 1,
    "net.ipv4.tcp_sack": 1,
    "net.ipv4.tcp_slow_start_after_idle": 0,
    "net.ipv4.tcp_syncookies": 1,
    "net.ipv4.tcp_thin_linear_timeouts": 1,
    "net.ipv4.tcp_timestamps": 1,
    "net.ipv4.tcp_tw_reuse": 1,
    "net.ipv4.tcp_window_scaling": 1,
}
"""Switches that a built-in profile turns one way. Numbers are only ever asked to be at least."""

every_profile = pytest.mark.parametrize("name", NAMES)


def load(name: str, facts: HostFacts = LARGE, **variables: str) -> Profile:
    def no_other_keys(key: SysctlKey) -> bool:
        return False

    return profile.load(
        str(FOLDER / f"{name}.yaml"),
        variables=variables,
        facts=facts,
        kernel_has=no_other_keys,
        trust=True,
    )


def wanted(loaded: Profile) -> dict[str, str]:
    """Return what a profile asks for, as text by key."""
    return {
        str(setting.key): " ".join(map(str, setting.requirements)) or "/".join(setting.prefer)
        for setting in loaded.settings
    } | {f"rlimit.{limit.name}": " ".join(map(str, limit.requirements)) for limit in loaded.limits}


def test_these_are_all_the_profiles() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == list(NAMES)


@every_profile
@pytest.mark.parametrize("facts", [LARGE, SMALL], ids=["large", "small"])
def test_it_loads_without_a_warning(name: str, facts: HostFacts) -> None:
    loaded = load(name, facts)
    assert loaded.name == name
    assert loaded.summary
    assert loaded.warnings == ()


@every_profile
def test_each_setting_says_why_and_why_one_should_believe_it(name: str) -> None:
    loaded = load(name)
    for statement in (*loaded.settings, *loaded.limits):
        assert statement.reason
        assert statement.source


@every_profile
def test_nothing_in_it_needs_allow(name: str) -> None:
    assert load(name).allow == frozenset()


@every_profile
def test_numbers_are_only_asked_to_be_at_least(name: str) -> None:
    """A value that is more generous already is left alone, so no default is ever lowered."""
    for setting in load(name).settings:
        tunable = catalog.find(setting.key)
        assert tunable is not None
        for requirement in setting.requirements:
            if tunable.fields[0].direction is Direction.NONE:
                assert requirement.mode is Mode.EXACTLY
                assert requirement.wanted == (MODES_ON_PURPOSE[str(setting.key)],)
            else:
                assert requirement.mode is Mode.AT_LEAST


@every_profile
def test_what_belongs_to_the_host_is_optional(name: str) -> None:
    for setting in load(name).settings:
        tunable = catalog.find(setting.key)
        assert tunable is not None
        assert setting.optional or tunable.scope is Scope.NETNS, setting.key


def test_container_asks_for_nothing_outside_its_network_namespace() -> None:
    loaded = load("container")
    scopes = {tunable.scope for s in loaded.settings if (tunable := catalog.find(s.key))}
    assert scopes == {Scope.NETNS}
    assert loaded.limits == ()


@every_profile
def test_every_profile_stands_on_base(name: str) -> None:
    base = {setting.key for setting in load("base").settings}
    assert base <= {setting.key for setting in load(name).settings}


def test_high_conn_follows_its_variables() -> None:
    loaded = load("high-conn", connections="1m", processes="50")
    assert loaded.probe is not None
    assert loaded.probe.connections == 1_000_000
    assert wanted(loaded) | wanted(load("base")) == {
        "fs.nr_open": "at least 21024",
        "fs.file-max": "at least 4065536",
        "fs.epoll.max_user_watches": "at least 2065536",
        "net.core.somaxconn": "at least 4096",
        "net.ipv4.ip_local_port_range": "at least 16384 65535",
        "net.ipv4.tcp_congestion_control": "bbr/cubic",
        "net.ipv4.tcp_moderate_rcvbuf": "1",
        "net.ipv4.tcp_rmem": "at least 4096 131072 33554432",
        "net.ipv4.tcp_sack": "1",
        "net.ipv4.tcp_syncookies": "1",
        "net.ipv4.tcp_timestamps": "1",
        "net.ipv4.tcp_window_scaling": "1",
        "net.ipv4.tcp_wmem": "at least 4096 16384 4194304",
        "rlimit.nofile": "at least 21024 21024",
    }
    assert wanted(loaded)["net.core.somaxconn"] == "at least 65535"


def test_bulk_transfer_asks_for_twice_the_path_and_never_less_than_base() -> None:
    far = wanted(load("bulk-transfer", bandwidth="10000", rtt="100"))
    near = wanted(load("bulk-transfer", bandwidth="100", rtt="1"))
    vast = wanted(load("bulk-transfer", bandwidth="400000", rtt="300"))
    assert far["net.ipv4.tcp_rmem"] == "at least 4096 131072 250000000"
    assert near["net.ipv4.tcp_rmem"] == "at least 4096 131072 33554432"
    assert near["net.ipv4.tcp_wmem"] == "at least 4096 16384 4194304"
    assert vast["net.ipv4.tcp_rmem"] == "at least 4096 131072 1073741824"


def test_proxy_keeps_a_minute_of_closed_connections() -> None:
    proxy = wanted(load("proxy", connections="50k", rate="10k"))
    assert proxy["net.ipv4.tcp_max_tw_buckets"] == "at least 600000"
    assert proxy["net.netfilter.nf_conntrack_max"] == "at least 765536"
    assert proxy["rlimit.nofile"] == "at least 101024 101024"


def test_a_small_host_is_asked_for_smaller_buffers() -> None:
    assert wanted(load("base", SMALL))["net.ipv4.tcp_rmem"] == "at least 4096 131072 6291456"
