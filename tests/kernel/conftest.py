"""Every test in this folder runs on the real kernel, inside a fence of its own."""

from __future__ import annotations

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.kernel)
