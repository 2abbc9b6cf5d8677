"""The gate where little can be seen: the right unknowns, no traceback, the right exit code."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tunekit.cli.app import run

pytestmark = [pytest.mark.kernel, pytest.mark.slow]

PROFILE = Path("/run/mine.yaml")
HOLDS = """\
tunekit: 1
sysctl:
  net.core.somaxconn: {at_least: 1}
limits:
  nofile: {at_least: 16}
probe: {connections: 10}
"""
FORMATS = ("table", "junit", "tap", "github", "prometheus", "sarif", "markdown")
_MS_RDONLY, _MS_REMOUNT, _MS_BIND = 1, 32, 4096

Gate = Callable[..., tuple[int, dict[str, str]]]


@pytest.fixture
def gate(capsys: pytest.CaptureFixture[str]) -> Gate:
    """Run the gate on a profile that holds; its exit code, and what is not passed nor skipped."""
    PROFILE.write_text(HOLDS)
    PROFILE.chmod(0o644)

    def gate(*options: str) -> tuple[int, dict[str, str]]:
        capsys.readouterr()
        code = run(["preflight", str(PROFILE), "--format", "json", *options])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        rows: Sequence[dict[str, Any]] = json.loads(said.out)["findings"]
        assert rows
        return code, {
            f"{row['check']} {row['subject']}": row["status"]
            for row in rows
            if row["status"] not in ("pass", "skip")
        }

    # What is imported later could not be read any more by somebody else.
    for format in FORMATS:
        run(["preflight", str(PROFILE), "--format", format])
    capsys.readouterr()
    return gate


def become_nobody() -> None:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)


def mount(source: str | None, target: str, flags: int, *, kind: str = "", data: str = "") -> None:
    done = ctypes.CDLL(None, use_errno=True).mount(
        source.encode() if source else None,
        target.encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    assert done == 0, os.strerror(ctypes.get_errno())


def without(rows: dict[str, str], *checks: str) -> dict[str, str]:
    return {name: status for name, status in rows.items() if name.split()[0] not in checks}


# A network namespace does not show tcp_mem, and what others run on depends on the machine.
ELSEWHERE = ("capacity", "stale")


def test_what_root_sees_in_a_network_namespace(gate: Gate) -> None:
    code, rows = gate("--skip", "stale")

    assert (code, rows) == (3, {"capacity net.ipv4.tcp_mem": "unknown"})


def test_nobody_does_not_know_the_journal_nor_what_others_hold(gate: Gate) -> None:
    assert run(["apply", str(PROFILE), "--no-probe", "--quiet"]) == 0
    become_nobody()

    code, rows = gate()

    assert code == 3
    assert without(rows, *ELSEWHERE) == {"drift journal": "unknown"}
    assert {status for name, status in rows.items() if name.startswith("stale")} == {"unknown"}
    assert gate("--policy", "lenient")[0] == 0
    assert gate("--policy", "strict")[0] == 1
    assert gate("--only", "settings")[0] == 0


def test_nobody_gets_every_output(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    become_nobody()

    for format in FORMATS:
        assert run(["preflight", str(PROFILE), "--format", format]) == 3
        said = capsys.readouterr()
        assert "unknown" in said.out
        assert said.err == ""


def test_the_limits_of_somebody_else_are_unknown_to_nobody(gate: Gate) -> None:
    become_nobody()

    code, rows = gate("--only", "limits", "--pid", "1")

    assert (code, rows) == (3, {"limits rlimit.nofile": "unknown"})


def test_a_read_only_proc_sys_is_in_the_way_of_what_does_not_hold(gate: Gate) -> None:
    mount(None, "/proc/sys/net", _MS_REMOUNT | _MS_BIND | _MS_RDONLY)

    assert gate("--skip", "stale") == (3, {"capacity net.ipv4.tcp_mem": "unknown"})
    PROFILE.write_text(HOLDS.replace("at_least: 1}", "at_least: 60000}"))
    code, rows = gate("--skip", "stale")
    assert code == 1
    assert without(rows, *ELSEWHERE) == {
        "settings net.core.somaxconn": "fail",
        "proc-sys /proc/sys": "fail",
    }


def test_hidden_processes_are_unknown(gate: Gate) -> None:
    # Nobody may write to what this mount shows of the host.
    mount("proc", "/proc", 0, kind="proc", data="hidepid=2")
    become_nobody()

    code, rows = gate()

    assert code == 3
    assert rows["stale processes"] == "unknown"
    assert set(without(rows, *ELSEWHERE).values()) <= {"unknown"}


def test_neither_systemd_nor_limits_conf_is_needed(gate: Gate) -> None:
    for folder in ("/etc/security", "/etc/systemd", "/etc/sysctl.d"):
        shutil.rmtree(folder, ignore_errors=True)

    assert gate("--skip", "stale") == (3, {"capacity net.ipv4.tcp_mem": "unknown"})


def test_without_proc_it_says_so_in_one_line(
    gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    mount("tmpfs", "/proc", 0, kind="tmpfs")

    assert run(["preflight", str(PROFILE)]) == 3
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "mount /proc" in said.err
