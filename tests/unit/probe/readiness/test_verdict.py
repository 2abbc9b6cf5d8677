"""What is said of figures."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tunekit.probe.model import Measurement
from tunekit.probe.readiness.verdict import Conclusion, conclude, crossing, within

SIZES = (10, 100, 1000, 10_000)
Curve = Callable[[int], float]


def waits(mechanism: str, one: Curve, every: Curve) -> list[Measurement]:
    return [
        Measurement(
            name="readiness.wait",
            measured=course(size),
            unit="s",
            parameters={
                "family": "inet",
                "mechanism": mechanism,
                "timeout": "none",
                "descriptors": size,
                "active": active(size),
            },
        )
        for course, active in ((one, lambda size: 1), (every, lambda size: size))
        for size in SIZES
    ]


def changes(name: str, seconds: float) -> list[Measurement]:
    return [
        Measurement(
            name=f"readiness.{name}",
            measured=seconds,
            unit="s",
            parameters={"family": "inet", "mechanism": "epoll", "descriptors": size},
        )
        for size in SIZES
    ]


FIGURES = [
    *waits("poll", lambda size: 5e-7 + 1e-7 * size, lambda size: 1e-7 * size),
    *waits("epoll", lambda size: 2e-6, lambda size: 2e-7 * size),
    *waits("epoll-et", lambda size: 2e-6 + 1e-9 * size, lambda size: 1e-7 * size),
    *changes("register", 1.5e-6),
    *changes("modify", 5e-7),
    *changes("remove", 1e-6),
]


def about(topic: str, figures: list[Measurement] = FIGURES) -> list[str]:
    found = conclude(figures, budget=1e-4)
    return [each.sentence for each in found if each.topic == topic]


def test_where_epoll_overtakes() -> None:
    assert about("overtaking") == [
        "with one active, epoll overtakes poll at about 15 descriptors; at 10,000 a call of poll "
        "takes 1 ms and one of epoll 2 us"
    ]


def test_the_slope_of_each() -> None:
    assert about("slope") == [
        "poll adds 100.0000 ± 0.0000 ns a descriptor",
        "epoll adds 0.0000 ± 0.0000 ns a descriptor",
        "epoll-et adds 1.0000 ± 0.0000 ns a descriptor",
    ]


def test_a_cost_that_bends_is_said_to() -> None:
    bent = [
        *waits("poll", lambda size: 1e-7 * size * (1 if size < 10_000 else 4), lambda size: 1e-6),
    ]
    (sentence,) = about("slope", bent)
    assert sentence.endswith(
        "over the whole ladder, and 433 ns beyond 1,000, where what it walks over is no longer in "
        "the cache"
    )


def test_whether_epoll_is_flat() -> None:
    assert about("flatness") == [
        "epoll is flat: 2 us at 10 descriptors and 2 us at 10,000 (+0%), a slope that cannot be "
        "told from none",
        "epoll-et is not quite flat: 2.01 us at 10 descriptors and 12 us at 10,000 (+497%)",
    ]


def test_what_every_descriptor_active_means() -> None:
    assert about("all active") == [
        "with every descriptor active epoll is worse than poll: 2.0 to 2.0 times its time; at "
        "10,000 a call takes 2 ms and poll's 1 ms",
        "with every descriptor active epoll-et is no better than poll: 1.0 to 1.0 of its time; at "
        "10,000 a call takes 1 ms and poll's 1 ms",
    ]


def test_what_churn_costs() -> None:
    assert about("churn") == [
        "at 1,000 descriptors epoll_ctl takes 1.5 us to add, 0.5 us to modify and 1 us to remove "
        "one: what epoll saves against poll is used up by 197 modifications a call, or by 39 "
        "descriptors that come and go; poll changes its array for nothing"
    ]


def test_how_many_descriptors_a_budget_allows() -> None:
    assert about("budget") == [
        "a call of at most 100 us with one active allows: poll about 995, epoll all 10,000 that it "
        "was tried with (2 us), epoll-et all 10,000 that it was tried with (12 us)"
    ]


def test_two_families_are_told_apart() -> None:
    other = [
        Measurement(
            name=row.name,
            measured=row.measured,
            unit=row.unit,
            parameters={**row.parameters, "family": "unix"},
        )
        for row in FIGURES
    ]
    found = conclude([*FIGURES, *other], budget=1e-3)
    assert {each.figures["family"] for each in found} == {"inet", "unix"}
    assert all(each.sentence.startswith(("inet: ", "unix: ")) for each in found)


def test_nothing_measured_says_nothing() -> None:
    nothing: tuple[Conclusion, ...] = ()
    assert conclude([], budget=1.0) == nothing


@pytest.mark.parametrize(
    ("pairs", "place"),
    [
        ([(10, 1.0, 2.0), (20, 3.0, 2.0)], 15.0),
        ([(10, 3.0, 2.0), (20, 4.0, 2.0)], None),
        ([(10, 1.0, 2.0), (20, 1.5, 2.0)], None),
    ],
)
def test_a_crossing_lies_straight_between_two_sizes(
    pairs: list[tuple[int, float, float]], place: float | None
) -> None:
    assert crossing(pairs) == place


@pytest.mark.parametrize(("budget", "most"), [(0.5, 0), (1.5, 15.0), (5.0, None)])
def test_a_budget_ends_between_two_sizes(budget: float, most: float | None) -> None:
    assert within([(10, 1.0), (20, 2.0)], budget) == most


def sockperf(mechanism: str, *seconds: float) -> list[Measurement]:
    return [
        Measurement(
            name="readiness.sockperf",
            measured=each,
            unit="s",
            parameters={
                "family": "udp",
                "mechanism": mechanism,
                "descriptors": size,
                "active": 1,
            },
        )
        for size, each in zip((10, 1000), seconds, strict=True)
    ]


def test_the_slopes_of_another_program_are_set_beside_these() -> None:
    at_once = [
        Measurement(
            name=row.name,
            measured=row.measured,
            unit=row.unit,
            parameters={**row.parameters, "timeout": "zero"},
        )
        for row in FIGURES
        if "timeout" in row.parameters
    ]
    other = [*sockperf("poll", 15.0e-6, 98.16e-6), *sockperf("epoll", 14.6e-6, 14.4e-6)]
    assert about("cross-check", [*FIGURES, *at_once, *other]) == [
        "what a descriptor adds to sockperf's round trip, and to a call with timeout 0 here: poll "
        "84.0 and 100.0 ns, epoll -0.2 and 0.0 ns"
    ]
