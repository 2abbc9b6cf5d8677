"""Every test in this folder runs inside a guest of its own kernel (README.md)."""

from __future__ import annotations

import pytest

from tests.support.vm import plugin


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.vm)


def pytest_configure(config: pytest.Config) -> None:
    if plugin.in_guest():
        config.pluginmanager.register(plugin.Guest(config), "vm-guest")
