"""What holds for every tier, and where each test runs.

pytest asks every conftest for the protocol of every test of the session, so the one that decides
stands here: a test marked `kernel` runs inside the fence, one marked `vm` in the guest.
"""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

from tests.support import fenced
from tests.support.vm import plugin

# A test fails on a wrong answer, not on a slow machine.
settings.register_profile("tunekit", deadline=None)
settings.load_profile("tunekit")

# A shell starts what it puts in the background deaf to these two, and what a test starts would be.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    if item.get_closest_marker("vm"):
        done = None if plugin.in_guest() else plugin.protocol(item)
    else:
        done = fenced.protocol(item) if item.get_closest_marker("kernel") else None
    if done:
        # Nothing was set up here for this test; what an earlier one left set up, because the two
        # share a module, is in the way of a later one that does not.
        item.session._setupstate.teardown_exact(nextitem)
    return done
