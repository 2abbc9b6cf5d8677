"""The generated pages of the reference are those that the code makes now."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import reference


@pytest.mark.parametrize("path", sorted(reference.pages()), ids=lambda path: path.name)
def test_a_generated_page_is_up_to_date(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == reference.pages()[path], "write it again with: python -m tools.reference"
