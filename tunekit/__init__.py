"""tunekit: will this Linux host really carry the load that is about to be put on it?

The operations of the command line as functions that neither print nor exit:

    import tunekit

    profile = tunekit.load_profile("high-conn", variables={"connections": "20k"})
    report = tunekit.apply(profile)
    print(tunekit.render(report, tunekit.Format.TABLE, width=80, colour=False))

Each returns a `Report` (`load_profile` a `Profile`, `plan` a `Plan`) or raises a `TunekitError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunekit.api import (
        apply,
        capacity,
        explain,
        history,
        inspect,
        inspect_limits,
        load_profile,
        plan,
        preflight,
        readiness,
        rollback,
        run,
        serve,
        sockbuf,
        stale,
        verify,
        verify_targets,
    )
    from tunekit.errors import ExitCode, TunekitError
    from tunekit.report import Format, render, to_json

__version__ = "0.1.0"

__all__ = [
    "ExitCode",
    "Format",
    "TunekitError",
    "__version__",
    "apply",
    "capacity",
    "explain",
    "history",
    "inspect",
    "inspect_limits",
    "load_profile",
    "plan",
    "preflight",
    "readiness",
    "render",
    "rollback",
    "run",
    "serve",
    "sockbuf",
    "stale",
    "to_json",
    "verify",
    "verify_targets",
]

_HOME = {
    "ExitCode": "tunekit.errors",
    "TunekitError": "tunekit.errors",
    "Format": "tunekit.report",
    "render": "tunekit.report",
    "to_json": "tunekit.report",
}


def __getattr__(name: str) -> Any:
    # PEP 562: `import tunekit` stays cheap, and a name costs what it needs when it is used.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME.get(name, "tunekit.api")), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
