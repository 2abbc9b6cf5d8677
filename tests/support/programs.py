"""Programs of others that judge what we write: skipped where they are missing, failed in CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.fenced import REQUIRE

ROOT = Path(__file__).resolve().parents[2]
UNPACKED = ROOT / ".debs"
"""Where `./tools/test` unpacks packages of Debian that are not to be installed."""


def program(name: str, package: str) -> str:
    """The path of a program; the test is skipped, or fails in CI, where there is none."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/lib/systemd")
    return found or _missing(f"no {name} here; install it with: apt-get install {package}")


def unpacked(package: str, path: str) -> Path:
    """A file or folder of an unpacked package."""
    found = UNPACKED / package / path
    return found if found.exists() else Path(_missing(f"no {path}; ./tools/test cli fetches it"))


def _missing(what: str) -> str:
    if "tools" in os.environ.get(REQUIRE, "").split(","):
        pytest.fail(what)
    pytest.skip(what)
