"""Charts of characters, as a terminal shows them."""

from __future__ import annotations

import pytest

from tests.support.reports import READINESS, VERIFY
from tunekit.report import chart
from tunekit.report.layout import Page
from tunekit.report.pictures import Axis, Curve, Picture, pictures

GROWTH = Picture(
    title="what grows",
    x=Axis(label="descriptors"),
    y=Axis(label="time of a call", unit="s"),
    curves=(
        Curve(
            label="poll",
            measured=((10, 1e-6), (100, 1e-5), (1000, 1e-4)),
            predicted=((10, 1e-6), (100, 2e-5), (1000, 1e-3)),
        ),
        Curve(label="epoll", measured=((10, 1e-6), (1000, 1e-6))),
    ),
)


def test_a_chart_has_its_axes_its_marks_and_a_legend() -> None:
    assert (
        "\n".join(chart.draw(GROWTH, Page(width=50)))
        == """\
time of a call: what grows
 1.00 ms |                                       .
         |
         |
         |
  100 us |                                       o
         |
         |                    .
 10.0 us |                    o
         |
         |
         |
 1.00 us |x                                      x
         +----------------------------------------
         10                  100              1000
          descriptors
          o poll, x epoll, . predicted"""
    )


def test_no_line_is_wider_than_the_page() -> None:
    for width in (30, 50, 80, 200):
        assert max(map(len, chart.draw(GROWTH, Page(width=width)))) <= min(width, 80)


def test_a_page_too_narrow_for_a_chart_has_none() -> None:
    assert chart.draw(GROWTH, Page(width=20)) == []


def test_nothing_to_show_is_no_chart() -> None:
    empty = Picture(title="", x=Axis(label="x"), y=Axis(label="y"), curves=())
    assert chart.draw(empty, Page(width=80)) == []


def test_what_a_logarithm_cannot_show_is_left_out() -> None:
    picture = Picture(
        title="zero",
        x=Axis(label="x"),
        y=Axis(label="y"),
        curves=(Curve(label="a", measured=((0, 1), (10, 0), (1, 10), (10, 100))),),
    )
    assert sum(line.count("o") for line in chart.draw(picture, Page(width=60))[1:-3]) == 2


def test_a_linear_axis_begins_at_its_least_value() -> None:
    picture = Picture(
        title="linear",
        x=Axis(label="x", log=False),
        y=Axis(label="y", log=False),
        curves=(Curve(label="a", measured=((0, 0), (5, 50), (10, 100))),),
    )
    lines = chart.draw(picture, Page(width=40))
    assert lines[1].startswith(" 100 |")
    assert lines[12].startswith("   0 |o")


def test_the_pictures_of_a_report_are_found_by_its_measurements() -> None:
    one, every = pictures(READINESS)
    poll, epoll = one.curves
    assert (poll.label, epoll.label) == ("poll", "epoll")
    assert [x for x, _ in poll.measured] == [x for x, _ in poll.predicted] == [10, 3000]
    assert [y for _, y in poll.measured] == pytest.approx([8e-07, 0.000674])
    assert [y for _, y in poll.predicted] == pytest.approx([8e-07, 0.000419])
    assert every.title == "a blocking call, all of them active (inet)"
    assert pictures(VERIFY) == ()
