"""`tunekit profile`: what each command prints, and what it exits with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tunekit.cli.profile import COMMANDS
from tunekit.report.json import schema

ROOT = Path(__file__).parents[2]


def tunekit(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tunekit", "profile", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        cwd=cwd,
        check=False,
    )


def document(text: str) -> dict[str, object]:
    parsed: dict[str, object] = json.loads(text)
    Draft202012Validator(schema()).validate(parsed)
    return parsed


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_with_examples_and_exit_codes(name: str) -> None:
    done = tunekit(name, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert f"\n    tunekit profile {name}" in done.stdout
    assert "\n  Exit codes: " in done.stdout


def test_without_a_command_the_help_is_on_standard_error() -> None:
    done = tunekit()

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: tunekit profile [OPTIONS] COMMAND [ARGS]...\n")


def test_list_names_the_profiles_that_come_along() -> None:
    report = document(tunekit("list", "--format", "json").stdout)

    rows = report["listings"][0]["rows"]
    assert {"base", "high-conn", "container"} <= {row["name"] for row in rows}
    assert all(row["summary"] and Path(row["file"]).is_file() for row in rows)


def test_show_prints_a_profile_that_asks_for_the_same(tmp_path: Path) -> None:
    flat = tmp_path / "flat.yaml"
    flat.write_text(tunekit("show", "high-conn", "--set", "connections=2k").stdout)

    compared = tunekit("diff", str(flat), "high-conn", "--format", "json")
    report = document(compared.stdout)

    assert compared.returncode == 1
    assert {row["key"] for row in report["listings"][0]["rows"]} == {
        "fs.epoll.max_user_watches",
        "fs.file-max",
        "fs.nr_open",
        "limits.nofile",
        "probe.connections",
    }


def test_two_profiles_that_ask_for_the_same_are_0() -> None:
    done = tunekit("diff", "base", "./profiles/base.yaml")

    assert done.returncode == 0
    assert done.stdout.endswith("ask for the same\n")


def test_check_says_everything_that_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("tunekit: 1\nsysctl:\n  net.core.somaxcon: 1\n  fs.file-max: 030\n")

    done = tunekit("check", "base", str(bad))

    assert done.returncode == 2
    assert "1 of 2 profiles cannot be used\n" in done.stdout
    assert done.stderr.splitlines() == [
        f"tunekit: error: {bad}:3: net.core.somaxcon: unknown key; did you mean "
        "net.core.somaxconn?",
        f"tunekit: error: {bad}:4: fs.file-max: 030 has a leading zero, which makes it octal for "
        "YAML and for the kernel; write 30, or 24 if octal was meant",
    ]


def test_new_makes_a_file_once(tmp_path: Path) -> None:
    made = tunekit("new", "mine", "--output", "mine.yaml", cwd=tmp_path)
    again = tunekit("new", "mine", "--output", "mine.yaml", cwd=tmp_path)

    assert (made.returncode, made.stdout) == (0, "written to mine.yaml\n")
    assert tunekit("check", str(tmp_path / "mine.yaml")).returncode == 0
    assert (again.returncode, again.stdout) == (3, "")
    assert again.stderr == (
        "tunekit: error: mine.yaml: there is such a file already; name another, or remove it "
        "first\n"
    )


@pytest.mark.parametrize("name", ["", " ", "a\x1bb"])
def test_what_is_no_name_is_refused(name: str) -> None:
    done = tunekit("new", name)

    assert (done.returncode, done.stdout) == (2, "")
    assert "not a name for a profile; write one such as mine or web-server\n" in done.stderr


def test_schema_prints_a_json_schema() -> None:
    Draft202012Validator.check_schema(json.loads(tunekit("schema").stdout))


def test_export_lists_what_is_not_carried_over() -> None:
    done = tunekit("export", "container", "--to", "systemd")
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no limits, and a unit holds nothing else of a profile" in done.stderr

    report = document(tunekit("export", "high-conn", "--to", "docker", "-f", "json").stdout)
    rows = report["listings"][0]["rows"]
    assert report["text"].startswith("# tunekit profile: high-conn\n")
    assert [row for row in rows if row["what"].startswith("fs.file-max: ")]
    assert len(rows) == sum("not carried over: " in line for line in report["notes"])
