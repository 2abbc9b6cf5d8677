"""Profiles written into a folder of their own, for a host of known size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tunekit.errors import ProfileError
from tunekit.kernel.host import HostFacts
from tunekit.profile import load
from tunekit.profile.model import Profile
from tunekit.values import SysctlKey

FACTS = HostFacts(ram=16 << 30, cpus=4, page_size=4096)
ONLY_IN_THE_KERNEL = SysctlKey.parse("kernel.odd")

Loader = Callable[..., Profile]
Write = Callable[[str, str], Path]


@pytest.fixture
def facts() -> HostFacts:
    return FACTS


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file into the current folder; the names in messages are then short."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, text: str) -> Path:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def loaded(write: Write) -> Loader:
    """Load the text as the profile p.yaml, with a kernel that has one key more."""

    def loaded(text: str, variables: Mapping[str, str] | None = None) -> Profile:
        write("p.yaml", text)
        return load(
            "p.yaml",
            variables=variables or {},
            facts=FACTS,
            kernel_has=ONLY_IN_THE_KERNEL.__eq__,
            search=[Path("library")],
            trust=True,
        )

    return loaded


@pytest.fixture
def refused(loaded: Loader) -> Callable[..., list[str]]:
    """Load a text that must be refused; every problem as the user sees it."""

    def refused(text: str, variables: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ProfileError) as caught:
            loaded(text, variables)
        return [str(problem) for problem in caught.value.problems]

    return refused
