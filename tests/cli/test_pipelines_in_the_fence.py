"""The recipes of docs/guides/pipelines.md, run as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import junitparser
import pytest
import yaml

from tunekit.check.registry import EVERY

pytestmark = [pytest.mark.kernel, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/pipelines.md").read_text()
HOLDS = """\
tunekit: 1
sysctl:
  net.core.somaxconn: {at_least: 1}
limits:
  nofile: {at_least: 16}
"""
FAILS = HOLDS.replace("at_least: 1}", "at_least: 60000}")
SAFE = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
]
"""kubelet's safe_sysctls.go as of Kubernetes 1.32."""


def block(name: str) -> str:
    """The example of the guide that begins with its own name as a comment."""
    for found in re.findall(r"```\w+\n(.*?)```", GUIDE, re.DOTALL):
        if re.match(rf"(#!/bin/sh\n)?# {re.escape(name)}\n", found):
            return str(found)
    raise AssertionError(f"no example {name} in the guide")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a profile that holds, where `tunekit` is installed."""
    tmp_path.chmod(0o755)
    folder = tmp_path / "bin"
    folder.mkdir()
    shim = folder / "tunekit"
    shim.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tunekit "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    write("web.yaml", HOLDS)
    return tmp_path


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text)
    path.chmod(0o755 if text.startswith("#!") else 0o644)
    return path


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-e", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_the_guide_names_every_check() -> None:
    named = re.findall(r"^\| `([a-z-]+)` \| .*\? ?.*\|$", GUIDE.partition("## Outputs")[0], re.M)

    assert sorted(set(named)) == sorted(check.name for check in EVERY)


def test_the_shell_step_deploys_where_the_host_is_ready(shop: Path) -> None:
    write("deploy.sh", block("deploy.sh").replace("60s", "1s"))

    done = shell("./deploy.sh")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "deploying")
    write("web.yaml", FAILS)
    done = shell("./deploy.sh")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "this host is not ready")
    assert Path("preflight.json").exists()


def test_the_github_workflow_annotates_and_sums_up(shop: Path) -> None:
    workflow = yaml.safe_load(block(".github/workflows/deploy.yml"))
    assert workflow["jobs"]["deploy"]["needs"] == "preflight"
    (step,) = [each for each in workflow["jobs"]["preflight"]["steps"] if "run" in each]
    summary = shop / "summary.md"

    done = shell(step["run"], GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("::notice title=tunekit preflight web::ready for web: ")
    write("web.yaml", FAILS)
    done = shell(step["run"], GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 1
    assert done.stdout.startswith("::error file=web.yaml,line=3,title=fail%3A settings%3A ")
    assert summary.read_text().startswith("## tunekit preflight web: failed\n")
    assert Path("preflight.sarif").exists()


def test_the_gitlab_job_leaves_its_tests(shop: Path) -> None:
    pipeline = yaml.safe_load(block(".gitlab-ci.yml"))
    job = pipeline["preflight"]
    write("web.yaml", FAILS)

    done = shell("\n".join(job["script"]))
    assert done.returncode == 1
    report = junitparser.JUnitXml.fromfile(job["artifacts"]["reports"]["junit"])
    assert (report.failures, job["artifacts"]["when"]) == (1, "always")


def test_the_unit_is_one_and_its_command_runs(shop: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here: apt-get install systemd")
    drop_in = block("/etc/systemd/system/web.service.d/preflight.conf")
    (command,) = re.findall(r"^ExecStartPre=\+(.*)$", drop_in, re.M)
    program, *arguments = shlex.split(command)
    there = str(shop / "bin/tunekit")
    unit = drop_in.replace(program, there)
    write("web.service", f"{unit}ExecStart=/bin/true\n")

    done = shell(f"systemd-analyze verify {shop}/web.service")
    assert (done.returncode, done.stderr) == (0, "")
    profile = str(shop / "web.yaml")
    arguments = [profile if each.endswith("/web.yaml") else each for each in arguments]
    assert shell(shlex.join([there, *arguments])).returncode == 0


def test_the_pod_passes_with_what_it_sets(shop: Path) -> None:
    pod: dict[str, Any] = yaml.safe_load(block("pod.yaml"))
    wanted = {each["name"]: each["value"] for each in pod["spec"]["securityContext"]["sysctls"]}
    text = block("pod.yaml")
    safe, unsafe = text.partition("# safe")[2].split("# unsafe")
    assert {name for name in wanted if f"{name}," in safe} <= set(SAFE)
    assert not {name for name in wanted if f"{name}," in unsafe} & set(SAFE)
    for name, value in wanted.items():
        # As the container runtime does before the first container starts.
        Path("/proc/sys", *name.split(".")).write_text(value)
    write("pod-profile.yaml", block("pod's profile"))
    (init,) = pod["spec"]["initContainers"]
    command = ["./pod-profile.yaml" if "/" in each else each for each in init["command"]]

    done = shell("mount -o remount,bind,ro /proc/sys/net; " + shlex.join(command))
    assert done.returncode == 0, done.stdout


def test_the_table_of_keys_tells_safe_from_unsafe() -> None:
    (row,) = re.findall(r"^\| safe \|.*$", GUIDE, re.M)
    names = {name.rpartition(".")[2] for name in re.findall(r"`([^`]+)`", row)}

    assert {name.rpartition(".")[2] for name in SAFE} == {
        *(names - {"tcp_keepalive_*"}),
        "tcp_keepalive_time",
        "tcp_keepalive_intvl",
        "tcp_keepalive_probes",
    }


def test_the_entry_point_starts_what_the_host_carries(shop: Path) -> None:
    write("entrypoint.sh", block("entrypoint.sh"))

    done = shell("./entrypoint.sh echo started", PROFILE="./web.yaml")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "started")
    write("web.yaml", FAILS)
    done = shell("./entrypoint.sh echo started", PROFILE="./web.yaml")
    assert done.returncode == 1
    assert "started" not in done.stdout


def test_the_ansible_task_stops_with_what_is_in_the_way(shop: Path) -> None:
    if shutil.which("ansible-playbook") is None:
        pytest.skip("no ansible-playbook here: pip install ansible-core")
    write("preflight.yml", block("preflight.yml"))
    write(
        "hosts",
        f"[web]\nlocalhost ansible_connection=local ansible_python_interpreter={sys.executable}\n",
    )

    assert shell("ansible-playbook -i hosts preflight.yml").returncode == 0
    write("web.yaml", FAILS)
    done = shell("ansible-playbook -i hosts preflight.yml")
    assert done.returncode == 2
    assert "not ready for web: " in done.stdout
