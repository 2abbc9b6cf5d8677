"""What is printed where, and what a command exits with."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

import pytest

from tests.support.reports import APPLY, BAD_PROFILE
from tunekit.cli.output import Look, deliver
from tunekit.engine.interrupts import Guard
from tunekit.errors import (
    ExitCode,
    Interrupted,
    Locked,
    PlanBlocked,
    ProfileError,
    TunekitError,
    UsageError,
)
from tunekit.report import Format
from tunekit.report.model import Report

PLAIN = Look()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), ExitCode.USAGE),
        (ProfileError([UsageError("x")]), ExitCode.USAGE),
        (PlanBlocked("x"), ExitCode.IMPOSSIBLE),
        (Locked("x"), ExitCode.LOCKED),
        (Interrupted(signal.SIGINT), ExitCode.INTERRUPTED),
        (Interrupted(signal.SIGQUIT), ExitCode.INTERRUPTED),
        (Interrupted(signal.SIGTERM), ExitCode.TERMINATED),
        (Interrupted(signal.SIGHUP), ExitCode.TERMINATED),
    ],
)
def test_an_error_has_its_exit_code(error: TunekitError, code: ExitCode) -> None:
    assert error.exit_code is code


def test_results_go_to_standard_output_and_the_rest_to_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = replace(APPLY, errors=BAD_PROFILE.errors, exit_code=ExitCode.NO)

    assert deliver("apply", PLAIN, lambda: report) == 1
    said = capsys.readouterr()
    assert said.out.startswith("profile high-conn")
    assert said.err == (
        "tunekit: note: 4m is 4000000, not 4194304\n"
        "tunekit: error: high-conn.yaml:14: net.core.somaxcon: unknown key; "
        "did you mean net.core.somaxconn?\n"
        "tunekit: error: /nowhere: no such folder\n"
    )


def test_quiet_leaves_the_errors(capsys: pytest.CaptureFixture[str]) -> None:
    report = replace(APPLY, errors=BAD_PROFILE.errors[1:])

    deliver("apply", Look(quiet=True), lambda: report)
    assert capsys.readouterr().err == "tunekit: error: /nowhere: no such folder\n"


def test_an_error_is_one_document_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    def operation() -> Report:
        raise ProfileError(BAD_PROFILE.errors)

    assert deliver("apply", Look(format=Format.JSON), operation) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["command"] == "apply"
    assert [error["message"] for error in document["errors"]] == ["unknown key", "no such folder"]


@pytest.mark.parametrize(
    ("signum", "code"),
    [
        (signal.SIGINT, 130),
        (signal.SIGQUIT, 130),
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 143),
    ],
)
def test_a_signal_ends_an_operation_with_one_document(
    capsys: pytest.CaptureFixture[str], signum: signal.Signals, code: int
) -> None:
    def operation() -> Report:
        signal.raise_signal(signum)
        raise AssertionError("the signal should have ended this")

    assert deliver("verify", Look(format=Format.JSON), operation) == code
    said = capsys.readouterr()
    assert json.loads(said.out)["exit_code"] == code
    assert said.err == f"tunekit: error: interrupted by signal {int(signum)}\n"


def test_a_signal_after_an_inner_guard_keeps_the_report(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def operation() -> Report:
        with Guard():
            pass
        # What was guarded has changed something: its report must not be lost on the way out.
        signal.raise_signal(signal.SIGTERM)
        return APPLY

    assert deliver("apply", Look(format=Format.JSON), operation) == APPLY.exit_code
    assert json.loads(capsys.readouterr().out)["changed"] is APPLY.changed


def test_a_report_that_cannot_be_drawn_is_still_one_document(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = replace(APPLY, data={"x": object()}, changed=True)
    assert deliver("apply", Look(format=Format.JSON), lambda: report) == 70
    document = json.loads(capsys.readouterr().out)
    assert (document["exit_code"], document["changed"]) == (70, True)


def broken() -> Report:
    raise ZeroDivisionError("division by zero")


def test_a_fault_of_ours_is_one_line_to_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert deliver("apply", PLAIN, broken) == 70
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("tunekit: error: internal error: ZeroDivisionError: division by zero (")
    assert "please report this line and what the same command says with --verbose" in said


def test_a_fault_of_ours_has_a_traceback_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert deliver("apply", Look(verbose=True), broken) == 70
    assert capsys.readouterr().err.startswith("Traceback (most recent call last):\n")


def test_an_error_of_several_lines_cannot_forge_another_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def operation() -> Report:
        raise UsageError("one\ntunekit: error: two\x1b[2J")

    deliver("apply", PLAIN, operation)
    assert capsys.readouterr().err == r"tunekit: error: one\ntunekit: error: two\x1b[2J" + "\n"
