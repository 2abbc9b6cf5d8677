"""The man pages: every command has one, and man(1) shows it without a complaint."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.programs import program
from tunekit.cli.app import COMMANDS

FOLDER = Path(__file__).parents[2] / "docs" / "man"


def test_every_command_has_a_page() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {
        "tunekit",
        *(f"tunekit-{name}" for name in COMMANDS),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tunekit", *(f"tunekit-{name}" for name in COMMANDS)])
def test_a_page_is_shown_without_a_complaint(name: str) -> None:
    done = subprocess.run(
        [program("man", "man-db groff-base"), "--warnings", "-l", str(FOLDER / f"{name}.1")],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "MANWIDTH": "80", "LC_ALL": "C"},
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert f"{name} - " in " ".join(done.stdout.split())
