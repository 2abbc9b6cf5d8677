"""Every test in this folder runs inside a guest of its own kernel (README.md), but for those that
are marked `boots`: they run on the host and boot guests themselves.
"""

from __future__ import annotations

import pytest

from tests.support.vm import plugin


def pytest_itemcollected(item: pytest.Item) -> None:
    if not item.get_closest_marker("boots"):
        item.add_marker(pytest.mark.vm)


def pytest_configure(config: pytest.Config) -> None:
    if plugin.in_guest():
        config.pluginmanager.register(plugin.Guest(config), "vm-guest")
