"""Every test in this folder runs on the real kernel, inside a fence of its own."""

from __future__ import annotations

import pytest

from tests.support import fenced


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.kernel)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool:
    return fenced.protocol(item)
