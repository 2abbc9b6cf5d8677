"""A run that is kept can be set beside a later one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.support.reports import SOCKBUF
from tunekit.errors import UsageError
from tunekit.probe.model import Measurement
from tunekit.report import Format, render, saved
from tunekit.report.model import Report

SYSCTLS = {"net.core.wmem_max": "212992"}


def rate(measured: float | None, **parameters: str | int | None) -> Measurement:
    return Measurement(
        name="sockbuf.throughput",
        measured=measured,
        unit="B/s",
        parameters=parameters,
        samples=(1.0, 2.0),
    )


def kept(report: Report) -> str:
    return saved.encode(report, sysctls=SYSCTLS, moment="2026-01-01T00:00:00Z", version="0.1")


BEFORE = replace(SOCKBUF, measurements=(rate(1000.0, sndbuf=None, segment=1), rate(5.0, sndbuf=1)))
AFTER = replace(SOCKBUF, measurements=(rate(1500.0, sndbuf=None, segment=2), rate(5.0, sndbuf=2)))


def test_it_keeps_samples_host_and_sysctls() -> None:
    document = saved.decode(kept(BEFORE), path="x.json")
    assert document["schema"] == "tunekit.saved/1"
    assert document["sysctls"] == SYSCTLS
    assert document["report"]["host"]["kernel"] == BEFORE.host.kernel  # type: ignore[union-attr]
    assert document["report"]["measurements"][0]["samples"] == [1.0, 2.0]


def test_figures_are_the_same_by_what_was_asked_and_not_by_what_was_found() -> None:
    found = saved.compare(
        saved.decode(kept(BEFORE), path="x.json"),
        AFTER,
        sysctls={"net.core.wmem_max": "4194304", "net.core.rmem_max": "1"},
    )
    assert found["figures"] == [
        {
            "name": "sockbuf.throughput",
            "parameters": {"sndbuf": None},
            "unit": "B/s",
            "before": 1000.0,
            "after": 1500.0,
        }
    ]
    assert found["only_one_has"] == 2
    assert found["sysctls"] == [
        {"key": "net.core.rmem_max", "before": None, "after": "1"},
        {"key": "net.core.wmem_max", "before": "212992", "after": "4194304"},
    ]
    assert found["host"] == []


def test_the_change_is_shown_beside_what_else_changed() -> None:
    found = saved.compare(saved.decode(kept(BEFORE), path="x.json"), AFTER, sysctls={})
    report = Report(command="sockbuf", data={"comparison": {"file": "x.json", **found}})
    assert (
        render(report, Format.TABLE, width=80, colour=False)
        == """\
compared with x.json, saved 2026-01-01T00:00:00Z

figure              before     now        change
------------------  ---------  ---------  ------
sockbuf.throughput  1,000 B/s  1,500 B/s  +50.0%

net.core.wmem_max: 212992 -> not there
1 of 1 figures changed by more than 5%; 2 are in one run only.
"""
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "x.json: is not JSON; give a file that --save has written"),
        ("[" * 100_000, "x.json: is not JSON; give a file that --save has written"),
        (
            "{}",
            "x.json: is no run kept as tunekit.saved/1; give a file that --save of this version "
            "has written",
        ),
        (
            json.dumps({"schema": "tunekit.saved/1", "report": {"measurements": [{"name": 1}]}}),
            "x.json: is no run kept as tunekit.saved/1; give a file that --save of this version "
            "has written",
        ),
    ],
)
def test_what_is_no_kept_run_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        saved.decode(text, path="x.json")
    assert str(caught.value) == message


def test_a_run_of_another_command_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        saved.compare(
            saved.decode(kept(BEFORE), path="x.json"),
            Report(command="readiness"),
            sysctls={},
        )
    assert str(caught.value) == (
        "the kept run is of sockbuf, this one of readiness; compare two runs of the same command"
    )
