"""What boot will set, as the command shows it: running, boot, wanted, who loses and to whom."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.unit.files.builders import make
from tunekit.report.json import schema

pytestmark = [pytest.mark.kernel, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
SYSTEMD = {"usr/lib/systemd/systemd-sysctl": ""}
PROFILE = """\
tunekit: 1
name: mine
sysctl:
  net.core.somaxconn: {at_least: 6000}
  net.ipv4.tcp_syncookies: 1
  net.ipv4.tcp_wmem: {at_least: [4096, 16384, keep]}
"""


@pytest.fixture
def profile(tmp_path: Path) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(PROFILE)
    return str(path)


def inspect(*arguments: str) -> tuple[int, dict[str, Any]]:
    return tunekit("inspect", *arguments)


def tunekit(*arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tunekit", *arguments, "--format", "json"],
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    Draft202012Validator(schema()).validate(report)
    assert report["exit_code"] == done.returncode, done.stderr
    return done.returncode, report


def rows(report: dict[str, Any]) -> dict[str, tuple[str, str, str, str]]:
    return {
        row["key"]: (row["running"], row["boot"], row["status"], row["reason"])
        for row in report["boot"]
    }


@pytest.fixture
def boot_files() -> Path:
    """/etc/sysctl.d and /etc/sysctl.conf of the fence, empty."""
    if not Path("/usr/lib/systemd/systemd-sysctl").exists():
        pytest.skip("no systemd-sysctl; install it: apt-get install systemd")
    folder = Path("/etc/sysctl.d")
    folder.mkdir(exist_ok=True)
    for path in (*folder.iterdir(), Path("/etc/sysctl.conf")):
        path.unlink(missing_ok=True)
    return folder


def test_a_profile_beside_what_runs_and_what_boot_sets(profile: str, boot_files: Path) -> None:
    make(
        Path("/"),
        {
            "etc/sysctl.d/10-a.conf": "net.core.somaxconn = 8192\n",
            "etc/sysctl.d/90-b.conf": "# ours\nnet.core.somax* = 1\nnet.core.somaxconn = 5000\n",
            "etc/sysctl.d/95-c.conf": "net.ipv4.tcp_wmem = 8192\n",
        },
    )
    SOMAXCONN.write_text("7000")

    code, report = inspect(profile, "--boot")

    assert code == 1
    assert rows(report) == {
        "net.core.somaxconn": ("7000", "5000", "fail", "set in /etc/sysctl.d/90-b.conf:3"),
        "net.ipv4.tcp_syncookies": ("1", "1", "pass", "it is the kernel's default"),
        "net.ipv4.tcp_wmem": (
            Path("/proc/sys/net/ipv4/tcp_wmem").read_text().strip(),
            None,
            "unknown",
            "/etc/sysctl.d/95-c.conf:1 leaves out some of its fields",
        ),
    }
    assert [(line["file"], line["line"], line["by"]) for line in report["boot"][0]["shadowed"]] == [
        ("/etc/sysctl.d/10-a.conf", 1, "/etc/sysctl.d/90-b.conf:3"),
        ("/etc/sysctl.d/90-b.conf", 2, "/etc/sysctl.d/90-b.conf:3"),
    ]
    assert report["next_step"] == f"make it last: tunekit persist {profile}"


def test_without_an_argument_the_running_kernel_is_compared_with_boot(boot_files: Path) -> None:
    make(boot_files, {"a.conf": "net.core.somaxconn = 4000\nnet.ipv4.tcp_max_s*_backlog = 77\n"})
    SOMAXCONN.write_text("4000")

    code, report = inspect()

    found = {key: row for key, row in rows(report).items() if key.startswith("net.")}
    assert code == 1
    assert found["net.core.somaxconn"][:3] == ("4000", "4000", "pass")
    assert found["net.ipv4.tcp_max_syn_backlog"][1:] == (
        "77",
        "fail",
        f"it was changed since boot, or its line was: set in {boot_files}/a.conf:2",
    )


def test_where_procps_would_set_another_value_it_is_said(boot_files: Path) -> None:
    make(boot_files, {"zz.conf": "net.core.somaxconn = 4000\n"})
    Path("/etc/sysctl.conf").write_text("net.core.somaxconn = 128\n")
    SOMAXCONN.write_text("4000")

    code, report = inspect("net.core.somaxconn", "--boot")

    assert code == 0
    assert rows(report)["net.core.somaxconn"] == (
        "4000",
        "4000",
        "pass",
        "set in /etc/sysctl.d/zz.conf:1; but `sysctl --system`, if somebody runs it, would set 128 "
        "from /etc/sysctl.conf:1",
    )


def test_another_root_is_judged_by_its_files_alone(profile: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.conf"
    secret.write_text("net.core.somaxconn = 1\n")
    root = make(
        tmp_path / "image",
        {
            **SYSTEMD,
            "usr/lib/sysctl.d/a.conf": "net.core.somaxconn = 9000\nnet.ipv4.tcp_syncookies = 1\n",
            "etc/sysctl.d/z.conf": f"-> {os.path.relpath(secret, tmp_path / 'image/etc/sysctl.d')}",
            "etc/sysctl.d/w.conf": "net.ipv4.tcp_wmem = 4096 16384 4194304\n",
        },
    )

    code, report = inspect(profile, "--root", str(root))

    assert code == 0, report
    assert rows(report)["net.core.somaxconn"] == (
        None,
        "9000",
        "pass",
        "set in /usr/lib/sysctl.d/a.conf:1",
    )


def test_the_gate_of_another_root_judges_its_files_alone(profile: str, tmp_path: Path) -> None:
    path = Path(profile)
    path.write_text(f"{PROFILE}limits:\n  nofile: {{at_least: 65536}}\n")
    root = make(
        tmp_path / "image", {**SYSTEMD, "usr/lib/systemd/system/web.service": "[Service]\n"}
    )
    gate = ("preflight", profile, "--root", str(root), "--unit", "web")

    code, report = tunekit(*gate)

    status = {each["subject"]: each["status"] for each in report["findings"]}
    assert code == 1
    assert status["rlimit.nofile"] == "fail"
    assert status["net.core.somaxconn"] in ("fail", "unknown")
    assert status["capacity"] == "skip"
    state = str(tmp_path / "state")
    for command in ("--unit web --root", "--root"):
        code, report = tunekit(
            "persist", profile, *command.split(), str(root), "--state-dir", state
        )
        assert code == 0, report
    # Fields that the profile leaves alone are not known of a kernel that does not run here.
    code, report = tunekit(*gate, "--skip", "boot")
    assert code == 0, report
