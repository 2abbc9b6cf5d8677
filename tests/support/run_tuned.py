"""TuneD's own code, as its daemon runs it at boot, without the daemon and what it needs.

A program for the fence: `python tests/support/run_tuned.py FOLDER`, with TuneD's package in
PYTHONPATH. For each line that it reads it activates the profile that /etc/tuned names, with the
other profiles in FOLDER in the place of /usr/lib, and prints how that ended as JSON.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any
from unittest.mock import MagicMock

MARK = "TUNEKIT_FENCED"  # as in fence.py, which is not to be found from here

# What speaks to D-Bus and to udev, and a reader of /proc: nothing here needs them.
for _name in (
    "dbus",
    "gi",
    "gi.repository",
    "procfs",
    "pyudev",
    "tuned.exports.dbus_exporter",
    "tuned.exports.dbus_exporter_with_properties",
):
    sys.modules[_name] = MagicMock()


def activate(folder: str) -> str:
    """Do what tuned/daemon/application.py does; return what went wrong."""
    from tuned import consts, hardware, plugins, profiles, storage, units
    from tuned.daemon.daemon import Daemon
    from tuned.utils.global_config import GlobalConfig

    newer = hasattr(consts, "CFG_DEF_PROFILE_DIRS")
    if newer:
        consts.CFG_DEF_PROFILE_DIRS = [f"{folder}/tuned/profiles", "/etc/tuned/profiles"]
    try:
        config = GlobalConfig()
    except Exception as error:
        # Where TuneD itself ends with a traceback, too.
        return f"no settings: {error}"
    if hasattr(consts, "LOAD_DIRECTORIES"):
        folders = [f"{folder}/tuned", "/etc/tuned"]
    else:
        folders = config.get_list(
            "profile_dirs", [f"{folder}/tuned/profiles", "/etc/tuned/profiles"]
        )
    variables = profiles.variables.Variables()
    nothing: Any = MagicMock()
    repository = plugins.Repository(
        nothing,
        storage.Factory(_NoStorage()),
        nothing,
        hardware.DeviceMatcher(),
        nothing,
        plugins.instance.Factory(),
        config,
        variables,
    )
    priority = int(config.get("default_instance_priority", 0))
    manager = units.Manager(repository, nothing, priority, nothing, config)
    loader = profiles.Loader(
        profiles.Locator(folders), profiles.Factory(), profiles.Merger(), config, variables
    )
    try:
        daemon = Daemon(manager, loader, None, config, None)
        if daemon.profile is None:
            return "no profile"
        manager.create(daemon.profile.units)
        manager.start_tuning()
    except Exception as error:
        # In the daemon's own thread, where nobody catches it.
        return f"{type(error).__name__}: {error}"
    return ""


class _NoStorage:
    """What TuneD would keep of a run for the next one."""

    def __getattr__(self, name: str) -> Any:
        return {"get": lambda *_: {}}.get(name, lambda *_: None)


def main() -> None:
    """Serve until there is no more to read."""
    if MARK not in os.environ:
        raise SystemExit("outside the fence, this would write the host's keys")
    logging.getLogger("tuned").addHandler(logging.NullHandler())
    logging.getLogger("tuned").propagate = False
    for _ in sys.stdin:
        print(json.dumps(activate(sys.argv[1])), flush=True)


if __name__ == "__main__":
    main()
