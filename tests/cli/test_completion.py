"""Completion: the candidates, and the scripts inside the shells themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.programs import program
from tunekit.cli.app import COMMANDS
from tunekit.cli.completing import answer, candidates

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("before", "current", "expected"),
    [
        ([], "ins", ["inspect"]),
        ([], "--v", ["--version"]),
        (["profile"], "ex", ["export"]),
        (["inspect"], "high", ["high-conn"]),
        (["profile", "diff", "base"], "high", ["high-conn"]),
        (["inspect"], "net.core.somax", ["net.core.somaxconn"]),
        (["explain"], "net.core.somax", ["net.core.somaxconn"]),
        (["explain"], "SO_R", ["SO_RCVBUF", "SO_RCVBUFFORCE", "SO_REUSEPORT"]),
        (["inspect"], "--form", ["--format"]),
        (["inspect", "--format"], "js", ["json"]),
        (["inspect"], "--format=tab", ["--format=table"]),
        (["apply", "high-conn", "--state-dir"], "x", []),
        (["profile", "export", "--to"], "sys", ["sysctl.d", "systemd"]),
        (["profile", "export", "high-conn", "--to"], "kub", ["kubernetes"]),
        (["preflight", "high-conn", "--skip"], "sett", ["settings"]),
        (["verify", "--as"], "nobod", ["nobody"]),
        (["run", "base", "--"], "ba", []),
        (["nosuch"], "x", []),
    ],
)
def test_what_may_stand_next(before: list[str], current: str, expected: list[str]) -> None:
    assert candidates(before, current) == expected


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_completed(name: str) -> None:
    assert "--help" in candidates([name], "--h")


@pytest.mark.parametrize("words", [[], ["x"], ["-1"], ["9", "a"], ["1"]])
def test_a_request_that_is_none_gets_an_answer_all_the_same(words: list[str]) -> None:
    assert isinstance(answer(words), str)


def environment(tmp_path: Path) -> dict[str, str]:
    """A PATH on which `tunekit` is this checkout's."""
    command = tmp_path / "tunekit"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m tunekit "$@"\n')
    command.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    return {"PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}


def script(shell: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tunekit", "completion", shell],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "expected"),
    [("tunekit ins", ["inspect"]), ("tunekit profile show web", ["web-server"])],
)
def test_bash_completes(line: str, expected: list[str], tmp_path: Path) -> None:
    words = line.split()
    ask = (
        f"{script('bash')}\nCOMP_WORDS=({line}) COMP_CWORD={len(words) - 1} COMP_LINE='{line}'\n"
        f"COMP_POINT={len(line)}\n_tunekit\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
    )
    done = subprocess.run(
        [program("bash", "bash"), "--norc", "-c", ask],
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        check=False,
    )

    assert (done.stdout.splitlines(), done.stderr) == (expected, "")


@pytest.mark.slow
def test_fish_completes(tmp_path: Path) -> None:
    ask = f"{script('fish')}\ncomplete -C 'tunekit profile show web'\n"
    done = subprocess.run(
        [program("fish", "fish"), "--no-config", "-c", ask],
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        check=False,
    )

    assert done.stdout.split() == ["web-server"]


@pytest.mark.slow
def test_zsh_completes(tmp_path: Path) -> None:
    """With compadd in place of the editor that only a terminal has."""
    zsh = program("zsh", "zsh")
    ask = (
        "compdef() { :; }\n_files() { echo files; }\n"
        "compadd() { shift; print -l -- ${(P)1}; }\n"
        f"{script('zsh')}\nwords=(tunekit profile show web) CURRENT=4\n_tunekit\n"
    )
    done = subprocess.run(
        [zsh, "-f", "-c", ask],
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        check=False,
    )

    assert (done.stdout.split(), done.stderr) == (["web-server"], "")
