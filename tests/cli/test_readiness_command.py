"""`tunekit readiness` as it is typed: what it says, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tunekit.report.json import schema

ROOT = Path(__file__).parents[2]
SMALL = ("--descriptors", "10,30,100", "--family", "unix")


def readiness(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tunekit", "readiness", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


@pytest.mark.slow
def test_one_valid_document_has_every_figure(tmp_path: Path) -> None:
    picture = tmp_path / "figures.svg"
    done = readiness(*SMALL, "--format", "json", "--plot", str(picture))

    assert done.returncode == 0
    assert b"a blocking call, one of them active (unix)" in picture.read_bytes()
    report = json.loads(done.stdout)
    Draft202012Validator(schema()).validate(report)
    assert {row["name"] for row in report["measurements"]} == {
        "readiness.overhead",
        "readiness.wait",
        "readiness.event",
        "readiness.register",
        "readiness.modify",
        "readiness.remove",
        "readiness.echo",
        "readiness.memory",
    }
    waits = [row for row in report["measurements"] if row["name"] == "readiness.wait"]
    assert all(len(row["samples"]) >= 25 for row in waits)
    assert all(row["predicted"] is not None for row in waits)
    assert {each["topic"] for each in report["data"]["conclusions"]} >= {
        "overtaking",
        "all active",
        "churn",
        "budget",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--descriptors", "0"], "--descriptors: 0 is less than 1; write a larger number"),
        (
            ["--family", "inet,ipx"],
            "--family: 'ipx' is none of inet, inet6, unix; such as inet,unix",
        ),
        (["--budget", "0s"], "--budget: a call takes more than no time; give some, as 1ms"),
        (["--budget", "soon"], "--budget: 'soon' is not a time; write 500us, 20ms, 30s, 2m or 1h"),
        (
            ["--plot", "figures.pdf"],
            "invalid value for '--plot': 'figures.pdf' is no picture's name; end it in .svg or "
            ".png; see tunekit readiness --help",
        ),
        (
            ["--rounds", "3"],
            "3 rounds are too few for a median and its spread; take 25 or more",
        ),
    ],
)
def test_wrong_usage_is_2_and_says_what_to_do(arguments: list[str], message: str) -> None:
    done = readiness(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"tunekit: error: {message}\n"


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_and_every_process_of_it(number: signal.Signals, code: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tunekit", "readiness", "--family", "unix"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as running:
        assert running.stderr is not None
        # The far process is there by the first pass, and holds the other end of these pipes not.
        while "pass 1 of" not in running.stderr.readline():
            assert running.poll() is None
        running.send_signal(number)
        output, errors = running.communicate(timeout=60)

    assert running.returncode == code
    assert output == ""
    assert errors.endswith(f"tunekit: error: interrupted by signal {number}\n")
