"""The operations of tunekit, for Python: what the command line itself calls.

Every operation returns a `Report` or raises a `TunekitError`; none prints and none exits. Names
are imported when they are first used, so that looking costs nothing of what proving needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunekit.api.applying import apply
    from tunekit.api.buffers import sockbuf
    from tunekit.api.explaining import explain
    from tunekit.api.forecasting import capacity
    from tunekit.api.gating import preflight
    from tunekit.api.limits import inspect_limits
    from tunekit.api.looking import inspect, load_profile, plan
    from tunekit.api.past import history
    from tunekit.api.persisting import persist
    from tunekit.api.proving import verify
    from tunekit.api.running import run
    from tunekit.api.serving import serve
    from tunekit.api.session import Observer
    from tunekit.api.staleness import stale
    from tunekit.api.targeting import verify_targets
    from tunekit.api.undoing import rollback
    from tunekit.api.waiting import readiness

__all__ = [
    "Observer",
    "apply",
    "capacity",
    "explain",
    "history",
    "inspect",
    "inspect_limits",
    "load_profile",
    "persist",
    "plan",
    "preflight",
    "readiness",
    "rollback",
    "run",
    "serve",
    "sockbuf",
    "stale",
    "verify",
    "verify_targets",
]

_HOME = {
    "explain": "explaining",
    "Observer": "session",
    "apply": "applying",
    "capacity": "forecasting",
    "history": "past",
    "inspect": "looking",
    "inspect_limits": "limits",
    "load_profile": "looking",
    "persist": "persisting",
    "plan": "looking",
    "preflight": "gating",
    "readiness": "waiting",
    "rollback": "undoing",
    "run": "running",
    "serve": "serving",
    "stale": "staleness",
    "sockbuf": "buffers",
    "verify": "proving",
    "verify_targets": "targeting",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"tunekit.api.{_HOME[name]}"), name)
