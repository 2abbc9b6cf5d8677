"""The tests of this folder that write sysctls run inside a fence of their own."""

from __future__ import annotations

import pytest

from tests.support import fenced


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    return fenced.protocol(item) if item.get_closest_marker("kernel") else None
