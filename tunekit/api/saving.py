"""Keeping a run in a file, and setting a kept one beside this: `--save`, `--compare`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tunekit.api.session import within
from tunekit.errors import UsageError
from tunekit.kernel.readings import Value
from tunekit.kernel.sysctl import Sysctls
from tunekit.report import saved
from tunekit.report.model import Report
from tunekit.values import SysctlKey

SYSCTLS = (
    "fs.epoll.max_user_watches",
    "fs.file-max",
    "fs.nr_open",
    "net.core.default_qdisc",
    "net.core.optmem_max",
    "net.core.rmem_default",
    "net.core.rmem_max",
    "net.core.somaxconn",
    "net.core.wmem_default",
    "net.core.wmem_max",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_limit_output_bytes",
    "net.ipv4.tcp_mem",
    "net.ipv4.tcp_moderate_rcvbuf",
    "net.ipv4.tcp_notsent_lowat",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_shrink_window",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_window_scaling",
    "net.ipv4.tcp_wmem",
    "net.ipv4.udp_mem",
    "net.unix.max_dgram_qlen",
)
"""What figures of sockets depend on."""


def saved_text(report: Report, *, netns: str | None = None) -> str:
    """The document of `--save`: the report with its raw samples and host identity, and the sysctls
    of the network namespace that it was made in.
    """
    from tunekit import __version__

    moment = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return saved.encode(report, sysctls=_sysctls(netns), moment=moment, version=__version__)


def compared(report: Report, path: Path, *, netns: str | None = None) -> Report:
    """Set a run that was kept in a file beside this one; it becomes the report's `comparison`.

    Raises UsageError when the file cannot be read or is no such run.
    """
    kept = kept_run(path, command=report.command)
    found = saved.compare(kept, report, sysctls=_sysctls(netns))
    return replace(report, data={**report.data, "comparison": {"file": str(path), **found}})


def kept_run(path: Path, *, command: str) -> dict[str, Any]:
    """Read a run of a command that was kept. Raises UsageError when the file is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(
            f"cannot be read: {cause}", path=str(path), hint="give a file that --save has written"
        ) from error
    kept = saved.decode(text, path=str(path))
    saved.refuse_another_command(kept, command)
    return kept


def _sysctls(netns: str | None) -> Mapping[str, str]:
    def operation() -> dict[str, str]:
        tree = Sysctls()
        found = ((key, tree.read(SysctlKey.parse(key))) for key in SYSCTLS)
        return {key: reading.text for key, reading in found if isinstance(reading, Value)}

    return within(netns, operation)
