"""The wheel: what is in it, and that it runs where there is no checkout.

Building it and installing what it depends on takes the package index.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import tunekit

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def run(command: Sequence[str | Path], folder: Path) -> str:
    # A checkout in PYTHONPATH would stand in the place of what the wheel installs.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, ROOT], folder)
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_the_package_the_profiles_and_nothing_of_the_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    profiles = {f"tunekit/profiles/{path.name}" for path in (ROOT / "profiles").glob("*.yaml")}
    assert {"tunekit/py.typed", "tunekit/report/schema.json", *profiles} <= names
    tops = {name.split("/")[0] for name in names}
    named = f"tunekit-{tunekit.__version__}"
    assert tops == {"tunekit", f"{named}.data", f"{named}.dist-info"}
    pages = {path.name for path in (ROOT / "docs" / "man").glob("*.1")}
    man = f"{named}.data/data/share/man/man1/"
    assert {name.removeprefix(man) for name in names if name.startswith(man)} == pages


def test_the_wheel_runs_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    run([sys.executable, "-m", "venv", venv], tmp_path)
    run([venv / "bin/python", "-m", "pip", "install", "--quiet", wheel], tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    assert (venv / "share/man/man1/tunekit-apply.1").is_file()
    command = venv / "bin/tunekit"
    assert run([command, "--version"], elsewhere) == f"tunekit {tunekit.__version__}\n"
    assert run([venv / "bin/python", "-m", "tunekit", "--version"], elsewhere) == (
        f"tunekit {tunekit.__version__}\n"
    )
    found = run(
        [venv / "bin/python", "-c", "import tunekit; print(tunekit.load_profile('base').path)"],
        elsewhere,
    )
    assert Path(found.strip()).is_relative_to(venv)
