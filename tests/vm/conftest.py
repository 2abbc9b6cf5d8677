"""Every test in this folder runs inside a guest of its own kernel (README.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.vm import plugin

_HERE = Path(__file__).parent


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.vm)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    # pytest calls this hook for every test of the session, those of other folders too.
    if plugin.in_guest() or _HERE not in item.path.parents:
        return None
    return plugin.protocol(item)


def pytest_configure(config: pytest.Config) -> None:
    if plugin.in_guest():
        config.pluginmanager.register(plugin.Guest(config), "vm-guest")
