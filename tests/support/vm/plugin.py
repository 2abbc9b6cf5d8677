"""Run the tests of a folder inside one guest, and report each as if it had run here.

The host collects the tests as usual and boots once, when the first of them is due. The guest gets
the same node ids, runs them with its own pytest, and writes every report to a serial port in
pytest's own serial form (the one that pytest-xdist uses); the host plays them back. A test that the
guest said nothing of has failed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.verdict import verdict
from tests.support.vm import machine

GUEST = "TUNEKIT_VM_GUEST"
REQUIRE = "TUNEKIT_TEST_REQUIRE"
_CONSOLE_LINES = 60
_results = pytest.StashKey[dict[str, list[pytest.TestReport]]]()


class Guest:
    """Inside the guest: write every report to the serial port."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._port = Path(machine.REPORT_PORT).open("w", encoding="utf-8")  # noqa: SIM115

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._port.write(json.dumps(data) + "\n")
        self._port.flush()


def in_guest() -> bool:
    """Tell whether this process runs inside the guest."""
    return GUEST in os.environ


def protocol(item: pytest.Item) -> bool:
    """Play back what the guest said of a test: the body of a pytest_runtest_protocol hook."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _reports(item):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _reports(item: pytest.Item) -> Iterator[pytest.TestReport]:
    found = machine.locate()
    if isinstance(found, str):
        if "vm" in os.environ.get(REQUIRE, "").split(","):
            yield verdict(item, "failed", f"{REQUIRE} asks for the vm tier, but there is {found}")
        else:
            yield verdict(item, "skipped", found)
        return
    session = item.session
    if _results not in session.stash:
        session.stash[_results] = _boot(found, session)
    yield from session.stash[_results][item.nodeid]


def _boot(found: machine.Machine, session: pytest.Session) -> dict[str, list[pytest.TestReport]]:
    items = [item for item in session.items if item.get_closest_marker("vm")]
    flags = ["-p", "no:cacheprovider", "-v", "--color=no"]
    outcome = machine.run(
        found,
        [sys.executable, "-m", "pytest", *flags, *(item.nodeid for item in items)],
        environment={GUEST: "1"},
    )
    results: dict[str, list[pytest.TestReport]] = {item.nodeid: [] for item in items}
    for record in outcome.records:
        report: Any = session.config.hook.pytest_report_from_serializable(
            config=session.config, data=record
        )
        results[report.nodeid].append(report)
    for item in items:
        if not results[item.nodeid] or results[item.nodeid][-1].when != "teardown":
            results[item.nodeid].append(_unfinished(item, found, outcome))
    return results


def _unfinished(
    item: pytest.Item, found: machine.Machine, outcome: machine.Outcome
) -> pytest.TestReport:
    end = "\n".join(outcome.console.splitlines()[-_CONSOLE_LINES:])
    how = (
        "did not end by itself"
        if outcome.exit_status is None
        else f"ended with status {outcome.exit_status}"
    )
    text = (
        f"the guest ({found.kernel.name}) {how} before this test was through; its console:\n{end}"
    )
    return verdict(item, "failed", text)
