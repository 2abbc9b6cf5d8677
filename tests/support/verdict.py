"""A test's result that was decided elsewhere than in the test."""

from __future__ import annotations

from typing import Literal

import pytest


def verdict(
    item: pytest.Item, outcome: Literal["failed", "skipped"], text: str
) -> pytest.TestReport:
    """Report a test as failed or skipped for the reason in `text`, before it was begun."""
    path, line, _ = item.location
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={},
        outcome=outcome,
        longrepr=(path, line or 0, f"Skipped: {text}") if outcome == "skipped" else text,
        when="setup",
    )
