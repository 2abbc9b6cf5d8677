"""Run each test of the kernel tier in a process of its own, inside a fence of its own.

Every such test finds a new network namespace with the kernel's defaults, and takes what it did to
its namespaces, limits and signal handlers with it when it ends. The tests outside the tier run in
pytest's own process, as always.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key
from _pytest.runner import runtestprotocol

from tests.support import fence
from tests.support.verdict import verdict

REQUIRE = "TUNEKIT_TEST_REQUIRE"

_obstacle = pytest.StashKey[str | None]()


def protocol(item: pytest.Item) -> bool:
    """Run one test behind the fence: the body of a pytest_runtest_protocol hook."""
    if _obstacle not in item.config.stash:
        item.config.stash[_obstacle] = fence.obstacle()
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    obstacle = item.config.stash[_obstacle]
    if obstacle is None:
        reports = _run(item)
    elif "kernel" in os.environ.get(REQUIRE, "").split(","):
        reports = [verdict(item, "failed", f"{REQUIRE} asks for the kernel tier, but {obstacle}")]
    else:
        reports = [verdict(item, "skipped", obstacle)]
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _run(item: pytest.Item) -> list[pytest.TestReport]:
    sys.stdout.flush()
    sys.stderr.flush()
    # pytest has armed its watchdog, a thread, for this test. The child has no such thread, and
    # would wait for it for ever when a failure calls the watchdog off.
    faulthandler.cancel_dump_traceback_later()
    # Made here once; otherwise each child would make one of its own, and prune those of others.
    tmp_path_factory: pytest.TempPathFactory = item.config._tmp_path_factory  # type: ignore[attr-defined]
    tmp_path_factory.getbasetemp()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _run_child(item, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(pid, 0)
    if not data:
        code = os.waitstatus_to_exitcode(status)
        return [verdict(item, "failed", f"the test's process ended with {code} before the test")]
    records: list[dict[str, Any]] = pickle.loads(data)
    from_record = item.config.hook.pytest_report_from_serializable
    return [from_record(config=item.config, data=record) for record in records]


def _run_child(item: pytest.Item, writer: int) -> NoReturn:
    try:
        _watch(item)
        fence.enter()
        reports = runtestprotocol(item, log=False)
        to_record = item.config.hook.pytest_report_to_serializable
        records = [to_record(config=item.config, report=report) for report in reports]
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(pickle.dumps(records))
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _watch(item: pytest.Item) -> None:
    seconds = float(item.config.getini("faulthandler_timeout"))
    if seconds > 0:
        stderr = item.config.stash[fault_handler_stderr_fd_key]
        faulthandler.dump_traceback_later(seconds, exit=True, file=stderr)


def another_swappiness() -> int:
    """A value that a key of the whole host does not have, and cannot be given inside the fence."""
    return 60 if Path("/proc/sys/vm/swappiness").read_text().strip() != "60" else 61
