"""The command as it is installed: exit codes, streams, and one JSON document whatever happens.

Nothing here writes anything: what does is in test_in_the_fence.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tunekit import __version__
from tunekit.cli.app import COMMANDS
from tunekit.report.json import schema

ROOT = Path(__file__).parents[2]
SOMAXCONN = "net.core.somaxconn"


def tunekit(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run tunekit with a small environment of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tunekit", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        check=False,
    )


def document(text: str) -> dict[str, object]:
    """The one JSON document of an output, which must be valid."""
    parsed: dict[str, object] = json.loads(text)
    Draft202012Validator(schema()).validate(parsed)
    return parsed


def test_the_version_is_shown() -> None:
    done = tunekit("--version")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"tunekit {__version__}\n", "")


def test_the_help_names_every_command_and_the_exit_codes() -> None:
    done = tunekit("--help")

    assert done.returncode == 0
    width = max(map(len, COMMANDS))
    for name, summary in COMMANDS.items():
        assert f"  {name:<{width}}  {summary}\n" in done.stdout
    assert "Exit codes: 0 done or in line; 1 the answer is no;" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_with_examples_and_exit_codes(name: str) -> None:
    done = tunekit(name, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: tunekit {name} [OPTIONS]")
    assert f"\n  Examples:\n    tunekit {name}" in done.stdout
    assert "\n  Exit codes: " in done.stdout
    assert all(len(line) <= 100 for line in done.stdout.splitlines())


def test_without_an_argument_the_help_is_on_standard_error() -> None:
    done = tunekit()

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: tunekit [OPTIONS] COMMAND [ARGS]...\n")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("aply x", "no command 'aply'; did you mean apply?; see tunekit --help"),
        ("apply", "missing argument 'PROFILE'; see tunekit apply --help"),
        (
            "history --nope",
            "no such option: --nope; see tunekit history --help",
        ),
        (
            "apply x --pid 0",
            "invalid value for '--pid': 0 is less than 1; see tunekit apply --help",
        ),
        (
            "inspect -f xml",
            "invalid value for '--format' / '-f': 'xml' is none of table, json, junit, tap, "
            "github, prometheus, sarif, markdown; see tunekit inspect --help",
        ),
        (
            "rollback zero",
            "invalid value for '[ID]': 'zero' is not an integer; see tunekit rollback --help",
        ),
        (
            "inspect --set x net.core.somaxconn high-conn",
            "high-conn is a profile and net.core.somaxconn a key; "
            "inspect either one profile or any number of keys",
        ),
        ("verify", "nothing to prove; name a profile or a number: --connections 10k"),
        ("inspect net..x", "net..x: an empty component; a key names one file below /proc/sys"),
        (
            "explain",
            "nothing to explain; name keys, or search for a word with --search WORD, or see all "
            "with --list",
        ),
        ("explain so_sndbuff", "so_sndbuff: is not known; did you mean SO_SNDBUF?"),
    ],
)
def test_wrong_usage_is_2_and_says_what_to_do(line: str, message: str) -> None:
    done = tunekit(*line.split())

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"tunekit: error: {message}\n"


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("-f json", ""),
        ("aply x --format json", ""),
        ("--format=json aply", ""),
        ("apply -f json", "apply"),
        ("apply x --format=json --nope", "apply"),
        ("rollback zero -fjson", "rollback"),
        ("inspect -f json net..x", "inspect"),
        ("explain -f json zzz", "explain"),
        ("verify -qf json", "verify"),
    ],
)
def test_wrong_usage_is_one_json_document_when_json_is_asked_for(line: str, command: str) -> None:
    done = tunekit(*line.split())

    assert done.returncode == 2
    report = document(done.stdout)
    assert report["command"] == command
    assert report["exit_code"] == 2
    assert report["errors"]


def test_a_profile_that_is_not_there_is_2() -> None:
    done = tunekit("inspect", "/nowhere/profile.yaml", "-f", "json")

    assert done.returncode == 2
    assert document(done.stdout)["errors"]


def test_a_key_is_shown_with_what_is_known_of_it() -> None:
    done = tunekit("inspect", SOMAXCONN, "-f", "json")

    assert (done.returncode, done.stderr) == (0, "")
    report = document(done.stdout)
    (row,) = report["keys"]  # type: ignore[misc]
    assert row["key"] == SOMAXCONN
    assert row["value"] == Path("/proc/sys/net/core/somaxconn").read_text().strip()
    assert row["unit"] == "connections"


def test_a_key_that_is_not_there_is_3() -> None:
    done = tunekit("inspect", "net.core.nonesuch", "-f", "json")

    assert done.returncode == 3
    assert document(done.stdout)["exit_code"] == 3


def test_a_named_key_that_is_not_there_is_3_whatever_is_named_beside_it() -> None:
    done = tunekit("inspect", SOMAXCONN, "net.core.nonesuch")

    assert done.returncode == 3
    assert SOMAXCONN in done.stdout


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("inspect", "a profile or keys"),
        ("capacity", "a profile"),
        ("verify", "a profile"),
        ("explain", "what to explain"),
    ],
)
def test_an_empty_argument_is_wrong_usage(line: str, wanted: str) -> None:
    done = tunekit(line, "")

    assert (done.returncode, done.stderr) == (
        2,
        f"tunekit: error: an empty argument; name {wanted}; is a variable unset?\n",
    )


def test_output_that_is_no_terminal_has_no_colour() -> None:
    assert "\x1b" not in tunekit("inspect", SOMAXCONN).stdout


def test_colour_can_be_forced_and_no_color_wins() -> None:
    assert "\x1b[1m" in tunekit("inspect", SOMAXCONN, FORCE_COLOR="1").stdout
    assert "\x1b" not in tunekit("inspect", SOMAXCONN, FORCE_COLOR="1", NO_COLOR="1").stdout


def test_the_width_is_taken_from_columns() -> None:
    done = tunekit("inspect", "net.ipv4.tcp_rmem", COLUMNS="40")

    assert max(map(len, done.stdout.splitlines())) <= 40


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_went_away_changes_nothing(stream: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: pipe}
        done = subprocess.run(
            [sys.executable, "-m", "tunekit", "inspect", SOMAXCONN],
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            check=False,
            **streams,  # type: ignore[call-overload]
        )

    assert done.returncode == 0
    assert not done.stderr


def test_a_closed_standard_output_is_not_given_to_another_file() -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m tunekit inspect {SOMAXCONN} >&- 2>&-; echo $?', sys.executable],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )

    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize("words", [("inspect", SOMAXCONN), ("--version",), ("--help",)])
def test_a_full_disk_is_said(words: Sequence[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tunekit", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=False,
        )

    assert done.returncode == 3
    assert done.stderr == (
        "tunekit: error: cannot write to standard output: No space left on device\n"
    )


def test_a_terminal_that_takes_only_ascii_gets_only_ascii() -> None:
    done = tunekit("inspect", "größe", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert done.returncode == 2
    assert done.stderr.isascii()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 125),
        (["nonesuch-profile", "--", "true"], 125),
        (["--nope"], 125),
    ],
)
def test_what_run_cannot_do_is_125(words: list[str], code: int) -> None:
    done = tunekit("run", *words)

    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("tunekit: error: ")
