"""Exports as the other tool carries them out, on the real kernel in the fence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.programs import program
from tunekit.api import load_profile
from tunekit.api.exporting import export_profile
from tunekit.files.export import Target

pytestmark = pytest.mark.kernel

SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
WMEM = Path("/proc/sys/net/ipv4/tcp_wmem")
CONTROL = Path("/proc/sys/net/ipv4/tcp_congestion_control")
PROFILE = """\
tunekit: 1
name: mine
sysctl:
  net.core.somaxconn: {at_least: 5000, reason: "a # longer = queue"}
  net.ipv4.ip_local_port_range: {at_least: [20000, 60000]}
  net.ipv4.tcp_wmem: {at_least: [keep, 20000, keep]}
  net.ipv4.tcp_congestion_control: {prefer: [nosuch, reno]}
  fs.epoll.max_user_watches: {exactly: 5000000, optional: true}
limits:
  nofile: 200
  cpu: {at_least: 60}
"""


@pytest.fixture
def export(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(PROFILE)

    def write(target: Target) -> Path:
        file = tmp_path / f"export.{target.value}"
        file.write_text(export_profile(load_profile(path), target).text)
        return file

    return write


def words(path: Path) -> list[str]:
    return path.read_text().split()


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_procps_sets_what_the_file_says(export) -> None:
    sysctl = program("sysctl", "procps")
    file = str(export(Target.SYSCTL_D))

    dry = run(sysctl, "--dry-run", "-p", file)
    assert (dry.returncode, dry.stderr) == (0, "")
    assert words(SOMAXCONN) == ["4096"]
    run(sysctl, "-p", file)

    assert words(SOMAXCONN) == ["5000"]
    assert words(PORTS) == ["20000", "60000"]
    assert words(WMEM)[1] == "20000"
    assert words(CONTROL) == ["reno"]


def test_systemd_sysctl_sets_what_the_file_says(export) -> None:
    done = run(program("systemd-sysctl", "systemd"), str(export(Target.SYSCTL_D)))

    assert (done.returncode, done.stderr) == (0, "")
    assert words(SOMAXCONN) == ["5000"]
    assert words(PORTS) == ["20000", "60000"]
    assert words(CONTROL) == ["reno"]


def test_the_script_raises_what_is_lower_and_nothing_else(export) -> None:
    SOMAXCONN.write_text("4000")
    PORTS.write_text("10000 50000")
    before = words(WMEM)
    file = str(export(Target.SHELL))

    done = run("sh", file)

    said = "fs/epoll/max_user_watches: cannot be written: 5000000 (optional)\n"
    assert (done.returncode, done.stderr) == (0, said)
    assert words(SOMAXCONN) == ["5000"]
    assert words(PORTS) == ["10000", "60000"]
    assert words(WMEM) == [before[0], "20000", before[2]]
    assert words(CONTROL) == ["reno"]
    SOMAXCONN.write_text("9000")
    again = run("sh", file)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", done.stderr)
    assert words(SOMAXCONN) == ["9000"]


def test_the_script_runs_a_command_under_the_limits(export) -> None:
    done = run(
        "sh", str(export(Target.SHELL)), "sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -St; exit 7"
    )

    assert done.returncode == 7
    assert done.stdout.splitlines()[-3:] == ["200", "200", "unlimited"]


def test_the_script_says_what_it_could_not_do(export) -> None:
    file = export(Target.SHELL)
    file.write_text(file.read_text().replace("min:5000", "is:99999999999"))

    done = run("sh", str(file), "true")

    assert done.returncode == 1
    assert "net/core/somaxconn: cannot be written: 99999999999" in done.stderr
