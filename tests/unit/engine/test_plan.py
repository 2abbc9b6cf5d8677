"""Plans: pure functions of a profile and a snapshot."""

from __future__ import annotations

import pytest

from tests.unit.engine.builders import (
    HOST,
    NETNS,
    WHOLE_HOST,
    at_least,
    key,
    limit,
    profile,
    requirement,
    setting,
    snapshot,
)
from tunekit.engine.limits import Shortfall, shortfalls
from tunekit.engine.model import Outcome, Plan
from tunekit.engine.plan import make
from tunekit.errors import ProfileError
from tunekit.kernel.readings import Cause, Denied, Elsewhere, Missing, Reading
from tunekit.profile.model import Mode
from tunekit.values import Ports, Text

SOMAXCONN = "net.core.somaxconn"


def test_what_holds_already_is_claimed_and_not_written() -> None:
    plan = make(profile(setting(SOMAXCONN, at_least(4096))), snapshot({SOMAXCONN: "65535"}))
    assert plan.writes == ()
    assert [change.outcome for change in plan.settled] == [Outcome.UNCHANGED]
    assert [claim.subject.name for claim in plan.claims] == [SOMAXCONN]


def test_an_at_least_never_lowers_a_field_and_keep_leaves_one_alone() -> None:
    wanted = profile(setting("net.ipv4.tcp_rmem", at_least(None, 100000, 64)))
    plan = make(wanted, snapshot({"net.ipv4.tcp_rmem": "8192\t87380\t33554432"}))
    assert [change.target for change in plan.writes] == ["8192 100000 33554432"]


def test_at_least_widens_a_port_range_at_both_ends() -> None:
    wanted = profile(setting("net.ipv4.ip_local_port_range", at_least(16384, 60000)))
    plan = make(wanted, snapshot({"net.ipv4.ip_local_port_range": "32768\t60999"}))
    assert [change.target for change in plan.writes] == ["16384 60999"]


def test_a_port_list_at_least_is_a_union() -> None:
    name = "net.ipv4.ip_local_reserved_ports"
    wanted = requirement(Ports(((9000, 9005),)), Mode.AT_LEAST)
    plan = make(profile(setting(name, wanted)), snapshot({name: "8080,9004-9010"}))
    assert [change.target for change in plan.writes] == ["8080,9000-9010"]


def test_a_host_key_and_a_namespace_key_have_their_scopes() -> None:
    wanted = profile(setting("fs.file-max", at_least(10**7)), setting(SOMAXCONN, requirement(9999)))
    plan = make(wanted, snapshot({"fs.file-max": "100", SOMAXCONN: "1"}))
    assert [change.subject.scope for change in plan.writes] == [WHOLE_HOST, NETNS]


@pytest.mark.parametrize(
    ("reading", "outcome", "detail"),
    [
        (Missing(), Outcome.UNSUPPORTED, "this kernel has no such key"),
        (
            Elsewhere(),
            Outcome.ELSEWHERE,
            "belongs to the host and cannot be set in this network namespace",
        ),
        (Denied(Cause.NOT_PERMITTED, 13), Outcome.DENIED, "not permitted"),
    ],
)
@pytest.mark.parametrize("optional", [False, True])
def test_a_key_that_cannot_be_read_blocks_unless_it_is_optional(
    reading: Reading, outcome: Outcome, detail: str, optional: bool
) -> None:
    wanted = profile(
        setting("fs.file-max", at_least(5), optional=optional),
        setting(SOMAXCONN, requirement(5)),
    )
    plan = make(wanted, snapshot({"fs.file-max": reading, SOMAXCONN: "1"}))
    rows = plan.settled if optional else plan.blocked
    assert [(row.outcome, row.detail) for row in rows] == [(outcome, detail)]
    assert [change.key for change in plan.writes] == [SOMAXCONN]


def test_an_obsolete_key_that_is_not_here_says_what_became_of_it() -> None:
    wanted = profile(setting("net.ipv4.tcp_tw_recycle", requirement(1), optional=True))
    plan = make(wanted, snapshot({"net.ipv4.tcp_tw_recycle": Missing()}))
    assert "net.ipv4.tcp_tw_reuse" in plan.settled[0].remedy


def test_a_key_that_cannot_be_written_blocks_before_any_write() -> None:
    found = snapshot({SOMAXCONN: "1"}, refusals={key(SOMAXCONN): Cause.READ_ONLY_FILESYSTEM})
    plan = make(profile(setting(SOMAXCONN, requirement(5))), found)
    assert [(row.outcome, row.detail) for row in plan.blocked] == [
        (Outcome.DENIED, "/proc/sys is mounted read-only here")
    ]


def test_what_cannot_be_written_but_holds_is_fine() -> None:
    found = snapshot({SOMAXCONN: "9"}, refusals={key(SOMAXCONN): Cause.NOT_PERMITTED})
    plan = make(profile(setting(SOMAXCONN, at_least(5))), found)
    assert [row.outcome for row in plan.settled] == [Outcome.UNCHANGED]


def test_the_first_preference_that_the_kernel_can_give_is_taken_and_its_module_named() -> None:
    name = "net.ipv4.tcp_congestion_control"
    wanted = profile(setting(name, prefer=("bbr3", "bbr", "cubic")))
    found = snapshot({name: "cubic"}, choices={key(name): {"bbr": "tcp_bbr", "cubic": ""}})
    plan = make(wanted, found)
    assert [change.target for change in plan.writes] == ["bbr"]
    assert plan.modules == {name: "tcp_bbr"}
    assert plan.claims[0].requirements == (requirement(Text("bbr")),)


def test_no_preference_that_the_kernel_has_says_so() -> None:
    name = "net.ipv4.tcp_congestion_control"
    plan = make(
        profile(setting(name, prefer=("bbr3", "prague"))),
        snapshot({name: "cubic"}, choices={key(name): {}}),
    )
    assert [row.detail for row in plan.blocked] == ["this kernel has none of bbr3, prague"]


def test_a_key_that_can_hurt_needs_the_profile_and_the_caller() -> None:
    name = "net.ipv4.ip_forward"
    found = snapshot({name: "0"})
    both = make(profile(setting(name, requirement(1)), allow=(name,)), found, allow=[key(name)])
    assert [change.key for change in both.writes] == [name]
    for wanted, allow in (
        (profile(setting(name, requirement(1)), allow=(name,)), []),
        (profile(setting(name, requirement(1))), [key(name)]),
    ):
        with pytest.raises(ProfileError, match=r"--allow net\.ipv4\.ip_forward"):
            make(wanted, found, allow=allow)


def test_the_partners_that_a_write_moves_are_shown_and_claimed_ones_written_after_it() -> None:
    forward, redirects = "net.ipv4.ip_forward", "net.ipv4.conf.all.accept_redirects"
    other = "net.ipv4.conf.lo.forwarding"
    allow = (forward, redirects)
    found = snapshot(
        {forward: "0", redirects: "1", other: "0"},
        partners={key(forward): (key(redirects), key(other))},
    )
    wanted = profile(
        setting(redirects, requirement(1)), setting(forward, requirement(1)), allow=allow
    )
    plan = make(wanted, found, allow=list(map(key, allow)))
    # accept_redirects holds now, and would not after the write to ip_forward.
    assert [change.key for change in plan.writes] == [forward, redirects]
    assert [(change.key, change.before) for change in plan.moved] == [(other, "0")]


def test_a_pair_that_the_kernel_would_refuse_blocks_with_both_values() -> None:
    ports, start = "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"
    plan = make(
        profile(setting(ports, requirement((1000, 60000)))),
        snapshot({ports: "32768 60999", start: "1024"}),
    )
    assert [row.detail for row in plan.blocked] == [
        "the kernel refuses net.ipv4.ip_unprivileged_port_start (1024) above "
        "net.ipv4.ip_local_port_range (1000)"
    ]
    assert plan.claims == ()


def test_a_port_range_that_covers_listeners_names_them_but_for_reserved_ones() -> None:
    ports, reserved = "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports"
    found = snapshot(
        {ports: "32768 60999", reserved: "18080"},
        listening=frozenset({80, 18080, 20000, 20001}),
    )
    plan = make(profile(setting(ports, at_least(16384, 65535))), found)
    assert plan.warnings == (
        "net.ipv4.ip_local_port_range 16384 65535 covers ports that something listens on: "
        "20000-20001; an outgoing connection may take one while its service restarts: add them "
        "to net.ipv4.ip_local_reserved_ports",
    )


class TestLimits:
    def test_without_a_process_a_shortfall_is_only_told(self) -> None:
        found = snapshot({}, limits={"nofile": snapshot({"a.b": "1024 4096"}).readings[key("a.b")]})
        wanted = profile(limits=(limit("nofile", at_least(9000)),))
        assert make(wanted, found).writes == ()
        assert list(shortfalls(wanted, found, Plan())) == [
            Shortfall(name="nofile", present="1024:4096", wanted="9000:9000", obstacle=None)
        ]

    def test_a_shortfall_that_cannot_be_mended_here_says_why(self) -> None:
        found = snapshot(
            {"fs.nr_open": "5000"},
            limits={"nofile": snapshot({"a.b": "1024 4096"}).readings[key("a.b")]},
        )
        wanted = profile(limits=(limit("nofile", at_least(9000)),))
        plan = make(wanted, found)
        assert [each.obstacle for each in shortfalls(wanted, found, plan)] == [
            (
                "a hard nofile of 9000 is above fs.nr_open (5000), which even root may not pass",
                "add fs.nr_open: {at_least: 9000} to the profile, or ask for less",
            )
        ]

    def test_a_shortfall_is_judged_by_what_the_plan_makes_of_nr_open(self) -> None:
        found = snapshot(
            {"fs.nr_open": "1048576"},
            limits={"nofile": snapshot({"a.b": "1024 4096"}).readings[key("a.b")]},
        )
        wanted = profile(
            setting("fs.nr_open", at_least(3_000_000)),
            limits=(limit("nofile", at_least(2_000_000)),),
        )
        (found_one,) = shortfalls(wanted, found, make(wanted, found))
        assert found_one.obstacle is None

    def test_at_least_means_soft_and_hard(self) -> None:
        plan = make(
            profile(limits=(limit("nofile", at_least(9000)),)),
            snapshot({"fs.nr_open": "1048576"}),
            processes={(17, 99): {"nofile": "1024 20000"}},
        )
        assert [(c.subject.scope.identity, c.target) for c in plan.writes] == [
            ("boot-1/17/99", "9000 20000")
        ]

    def test_a_hard_limit_above_nr_open_is_blocked_even_for_root(self) -> None:
        plan = make(
            profile(limits=(limit("nofile", at_least(2_000_000)),)),
            snapshot({"fs.nr_open": "1048576"}),
            processes={(17, 99): {"nofile": "1024 20000"}},
        )
        assert [row.detail for row in plan.blocked] == [
            "a hard nofile of 2000000 is above fs.nr_open (1048576), which even root may not pass"
        ]

    def test_a_profile_that_raises_nr_open_makes_room_for_its_own_limit(self) -> None:
        plan = make(
            profile(
                setting("fs.nr_open", at_least(4_000_000)),
                limits=(limit("nofile", at_least(2_000_000)),),
            ),
            snapshot({"fs.nr_open": "1048576"}),
            processes={(17, 99): {"nofile": "1024 20000"}},
        )
        assert [change.key for change in plan.writes] == ["fs.nr_open", "rlimit.nofile"]

    def test_raising_the_hard_limit_needs_a_capability(self) -> None:
        from dataclasses import replace

        found = snapshot({"fs.nr_open": "1048576"})
        found = replace(found, host=replace(HOST, capabilities=frozenset()))
        plan = make(
            profile(limits=(limit("nofile", at_least(30000)),)),
            found,
            processes={(17, 99): {"nofile": "1024 20000"}},
        )
        assert [row.detail for row in plan.blocked] == [
            "raising the hard nofile above 20000 needs CAP_SYS_RESOURCE"
        ]
