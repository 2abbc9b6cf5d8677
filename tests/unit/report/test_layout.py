"""Nothing is wider than the terminal, and folding keeps every character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reports import EVERY, HOST, change
from tunekit.check.model import Finding, Status
from tunekit.engine.model import Outcome
from tunekit.probe.model import Measurement
from tunekit.report import Format, render
from tunekit.report.layout import Page, Row, columns_of, table, wrap
from tunekit.report.model import KeyRow, Report

LONG_KEY = "net.netfilter.nf_conntrack_tcp_timeout_established"
widths = st.integers(min_value=40, max_value=200)
texts = st.text(max_size=120) | st.from_regex(
    r"[a-z_]{1,40}(\.[a-z_0-9]{1,40}){0,5}", fullmatch=True
)


@pytest.mark.parametrize(
    ("text", "width", "hang", "lines"),
    [
        ("short", 10, 0, ["short"]),
        ("", 10, 0, [""]),
        ("one two three", 7, 0, ["one two", "three"]),
        ("one two three", 7, 2, ["one two", "  three"]),
        (LONG_KEY, 42, 2, ["net.netfilter.", "  nf_conntrack_tcp_timeout_established"]),
        (LONG_KEY, 26, 2, ["net.netfilter.nf_", "  conntrack_tcp_timeout_", "  established"]),
        ("4096 131072 6291456", 11, 0, ["4096 131072", "6291456"]),
        ("x" * 25, 10, 0, ["x" * 10, "x" * 10, "x" * 5]),
        ("大大大", 4, 0, ["大大", "大"]),
        ("/etc/tunekit/profiles/a.yaml", 14, 0, ["/etc/tunekit/", "profiles/a.", "yaml"]),
    ],
)
def test_wrapping(text: str, width: int, hang: int, lines: list[str]) -> None:
    assert wrap(text, width, hang=hang) == lines


@given(text=texts, width=st.integers(min_value=4, max_value=200), hang=st.integers(0, 4))
def test_wrapping_loses_no_character_and_no_line_is_too_wide(
    text: str, width: int, hang: int
) -> None:
    text = "".join(char for char in text if char.isprintable())
    lines = wrap(text, width, hang=hang)

    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(columns_of(line) <= width for line in lines)


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("name", EVERY)
def test_no_line_of_a_sample_is_wider_than_the_terminal(name: str, everything: bool) -> None:
    for width in range(40, 201):
        text = render(EVERY[name], Format.TABLE, width=width, colour=False, everything=everything)
        lines = text.splitlines()
        assert [line for line in lines if columns_of(line) > width or line != line.rstrip()] == []


@given(text=texts, value=texts, reason=texts, width=widths, outcome=st.sampled_from(Outcome))
def test_no_line_is_wider_than_the_terminal_whatever_it_says(
    text: str, value: str, reason: str, width: int, outcome: Outcome
) -> None:
    report = Report(
        command="apply",
        host=HOST,
        verdict=reason,
        changes=(
            change(text, outcome, before=value, after=value, wanted=value, reason=reason),
            change(LONG_KEY, outcome, before="432000", after="1", reason="short"),
        ),
        findings=(
            Finding(
                check=text,
                status=Status.FAIL,
                subject=text,
                expected=value,
                observed=value,
                reason=reason,
            ),
        ),
        keys=tuple(KeyRow(key=text, value=value, unit=text, meaning=reason) for _ in range(4)),
        measurements=(
            Measurement(
                name=text,
                measured=1.5,
                unit=value,
                parameters={text: value, "b": 1, "c": True},
                note=reason,
            ),
        ),
    )
    shown = render(report, Format.TABLE, width=width, colour=False, everything=True)

    assert [line for line in shown.splitlines() if columns_of(line) > width] == []


def test_notes_are_a_column_where_there_is_room_and_stand_below_where_not() -> None:
    rows = [Row(cells=("net.core.somaxconn", "4096"), note="every listen backlog is cut to this")]

    assert table(("key", "value"), rows, Page(width=80)) == [
        "key                 value  why",
        "------------------  -----  -----------------------------------",
        "net.core.somaxconn  4096   every listen backlog is cut to this",
    ]
    assert table(("key", "value"), rows, Page(width=50)) == [
        "key                 value",
        "------------------  -----",
        "net.core.somaxconn  4096",
        "    every listen backlog is cut to this",
    ]


def test_a_table_that_cannot_fit_becomes_records() -> None:
    rows = [Row(cells=(LONG_KEY, "4096", "65535", "applied"), note="why not")]

    assert table(("key", "before", "after", "outcome"), rows, Page(width=40)) == [
        "net.netfilter.",
        "  nf_conntrack_tcp_timeout_established",
        "  before   4096",
        "  after    65535",
        "  outcome  applied",
        "  why      why not",
    ]


def test_wide_characters_are_never_aligned_by_counting_them() -> None:
    rows = [Row(cells=("net.core.somaxconn", "4096"), note="大")]

    assert table(("key", "value"), rows, Page(width=80)) == [
        "key                 value",
        "------------------  -----",
        "net.core.somaxconn  4096",
        "    大",
    ]
    assert table(("key", "value"), [Row(cells=("kernel.hostname", "大"))], Page(width=80)) == [
        "kernel.hostname",
        "  value  大",
    ]


def test_a_table_without_rows_is_nothing() -> None:
    assert table(("key", "value"), [], Page(width=80)) == []
