"""The order of writes."""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.unit.engine.builders import NETNS, WHOLE_HOST, subject
from tunekit.engine.model import ScopeId
from tunekit.engine.order import Step, arrange
from tunekit.values import Numbers

RANGE = "net.ipv4.ip_local_port_range"
START = "net.ipv4.ip_unprivileged_port_start"


def step(
    name: str, before: tuple[int, ...], after: tuple[int, ...], scope: ScopeId = NETNS
) -> Step:
    return Step(subject(name, scope), Numbers(before), Numbers(after))


def names(steps: list[Step]) -> list[str]:
    return [each.subject.name for each in steps]


def test_raising_comes_before_lowering_and_the_given_order_stays() -> None:
    steps = [
        step("net.core.somaxconn", (4096,), (128,)),
        step("net.ipv4.tcp_wmem", (4096, 16384, 1), (4096, 16384, 2)),
        step("net.ipv4.tcp_rmem", (4096, 16384, 1), (4096, 16384, 2)),
    ]
    assert names(arrange(steps)) == ["net.ipv4.tcp_wmem", "net.ipv4.tcp_rmem", "net.core.somaxconn"]


@pytest.mark.parametrize("order", list(permutations(range(2))))
@pytest.mark.parametrize(
    ("port_range", "start", "expected"),
    [
        # Lowering both: the start must be out of the way first.
        (((32768, 60999), (1000, 60999)), ((1024,), (1000,)), [START, RANGE]),
        # Raising both: the range must make room first.
        (((1024, 60999), (2000, 60999)), ((1024,), (2000,)), [RANGE, START]),
    ],
)
def test_a_pair_that_the_kernel_keeps_in_order_is_written_so_that_it_always_is(
    port_range: tuple[tuple[int, ...], tuple[int, ...]],
    start: tuple[tuple[int, ...], tuple[int, ...]],
    expected: list[str],
    order: tuple[int, int],
) -> None:
    steps = [step(RANGE, *port_range), step(START, *start)]
    assert names(arrange([steps[i] for i in order])) == expected


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_a_write_resets_is_written_after_it(order: tuple[int, ...]) -> None:
    steps = [
        step("net.ipv4.ip_forward", (0,), (1,)),
        step("net.ipv4.conf.all.accept_redirects", (1,), (1,)),
        step("net.ipv4.conf.eth0/100.rp_filter", (0,), (2,)),
    ]
    assert names(arrange([steps[i] for i in order]))[0] == "net.ipv4.ip_forward"


def test_nr_open_is_written_before_any_limit() -> None:
    process = ScopeId("process", "boot-1/17/99")
    steps = [
        step("rlimit.nofile", (1024, 4096), (2000000, 2000000), process),
        step("fs.nr_open", (1048576,), (4000000,), WHOLE_HOST),
    ]
    assert names(arrange(steps)) == ["fs.nr_open", "rlimit.nofile"]


def test_the_zero_of_an_exclusive_pair_is_not_written() -> None:
    steps = [
        step("vm.dirty_bytes", (1000000,), (0,), WHOLE_HOST),
        step("vm.dirty_ratio", (0,), (20,), WHOLE_HOST),
    ]
    assert names(arrange(steps)) == ["vm.dirty_ratio"]


def test_a_circle_of_keys_that_are_one_value_is_no_endless_loop() -> None:
    steps = [
        step("net.ipv4.conf.all.forwarding", (0,), (1,)),
        step("net.ipv4.ip_forward", (0,), (1,)),
    ]
    assert len(arrange(steps)) == 2
