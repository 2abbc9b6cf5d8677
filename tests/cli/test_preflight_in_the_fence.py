"""The gate as a pipeline meets it: exit codes, pure outputs, and remedies that mend."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tunekit.report.json import schema

pytestmark = [pytest.mark.kernel, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PROFILE = """\
tunekit: 1
name: mine
sysctl:
  net.core.somaxconn: {at_least: 6000, reason: the kernel cuts every listen backlog to this}
  net.ipv4.ip_local_port_range: {at_least: [20000, 62000]}
limits:
  nofile: {at_least: 64}
probe: {connections: 200}
"""


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(PROFILE)
    path.chmod(0o644)
    return path


def tunekit(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tunekit", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        **options,
    )


def preflight(*arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
    """Run the gate; returns its exit code and its findings, the document being valid."""
    done = tunekit("preflight", *arguments, "--format", "json")
    document = json.loads(done.stdout)
    Draft202012Validator(schema()).validate(document)
    assert document["exit_code"] == done.returncode
    return done.returncode, document["findings"]


def failing(findings: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["subject"]: row for row in findings if row["status"] == "fail"}


def test_the_remedies_of_settings_are_commands_that_mend(profile: Path) -> None:
    code, findings = preflight(profile)
    wrong = failing(findings)

    assert code == 1
    assert list(wrong) == ["net.core.somaxconn", "net.ipv4.ip_local_port_range"]
    for row in wrong.values():
        subprocess.run(row["remedy"], shell=True, check=True, capture_output=True)
    code, findings = preflight(profile)
    # What a network namespace does not show of the host stays unknown.
    assert (code, failing(findings)) == (3, {})
    assert [row["subject"] for row in findings if row["status"] == "unknown"] == [
        "net.ipv4.tcp_mem"
    ]
    assert preflight(profile, "--warn", "capacity")[0] == 0
    assert preflight(profile, "--warn", "capacity", "--policy", "strict")[0] == 1
    assert preflight(profile, "--policy", "lenient")[0] == 0


def test_the_remedy_of_a_limit_is_a_command_that_mends(profile: Path) -> None:
    lowered = ["prlimit", "--nofile=32:1024", sys.executable, "-m", "tunekit", "preflight"]
    only = ["--only", "limits", "--format", "json"]
    done = subprocess.run(
        [*lowered, profile, *only], capture_output=True, text=True, cwd=ROOT, check=False
    )
    (row,) = json.loads(done.stdout)["findings"]

    assert (done.returncode, row["status"]) == (1, "fail")
    assert row["observed"] == "soft 32, hard 1024 for this process"
    assert row["remedy"] == f"tunekit run {profile} -- COMMAND"
    wrapped = row["remedy"].removesuffix("COMMAND").split()[1:]
    again = [sys.executable, "-m", "tunekit", "preflight", str(profile), "--only", "limits"]
    done = subprocess.run(
        [*lowered[:2], sys.executable, "-m", "tunekit", *wrapped, *again],
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0


def test_the_limits_of_another_process_are_judged_and_mended(profile: Path) -> None:
    with subprocess.Popen(["prlimit", "--nofile=32:1024", "cat"], stdin=subprocess.PIPE) as other:
        # prlimit becomes cat once it has set the limit.
        assert other.stdin is not None
        code, (row,) = preflight(profile, "--only", "limits", "--pid", str(other.pid))
        while row["status"] == "pass":
            code, (row,) = preflight(profile, "--only", "limits", "--pid", str(other.pid))
        assert (code, row["remedy"]) == (1, f"prlimit --pid {other.pid} --nofile=64:1024")
        subprocess.run(row["remedy"].split(), check=True)
        assert preflight(profile, "--only", "limits", "--pid", str(other.pid))[0] == 0


def test_a_quick_probe_proves_connections(profile: Path) -> None:
    done = tunekit("preflight", profile, "--only", "probe", "--probe", "quick", "-f", "json")
    document = json.loads(done.stdout)
    rows = {row["subject"]: row for row in document["findings"]}

    assert done.returncode == 0
    assert rows["connections"]["check"] == "probe"
    assert rows["connections"]["observed"] == "200 proved"
    assert document["measurements"]


def test_waiting_ends_when_the_host_is_ready(profile: Path) -> None:
    command = [sys.executable, "-m", "tunekit", "preflight", str(profile), "--only", "settings"]
    waiting = subprocess.Popen(
        [*command, "--wait", "60s", "--interval", "100ms", "-f", "tap"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert waiting.stderr is not None
    assert waiting.stderr.readline() == "tunekit: waiting: not ready for mine: 2 failed\n"
    Path("/proc/sys/net/core/somaxconn").write_text("6000")
    assert waiting.stderr.readline() == (
        "tunekit: waiting: not ready for mine: 1 failed, 1 passed\n"
    )
    Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("20000 62000")
    out, err = waiting.communicate(timeout=30)

    assert (waiting.returncode, err) == (0, "")
    assert out == (
        "TAP version 13\n"
        "1..2\n"
        "ok 1 - settings: net.core.somaxconn\n"
        "ok 2 - settings: net.ipv4.ip_local_port_range\n"
        "# ready for mine: 2 passed\n"
    )


def test_what_somebody_changed_is_drift_and_is_applied_again(profile: Path) -> None:
    assert tunekit("apply", profile, "--no-probe").returncode == 0
    assert preflight(profile, "--only", "drift")[0] == 0
    Path("/proc/sys/net/core/somaxconn").write_text("500")

    code, findings = preflight(profile, "--only", "drift")
    (row,) = failing(findings).values()
    assert (code, row["observed"], row["expected"]) == (
        1,
        "500",
        "at least 6000, as transaction 1 left it",
    )
    assert row["remedy"] == f"tunekit apply {profile}"
    assert tunekit(*row["remedy"].split()[1:], "--no-probe").returncode == 0
    assert preflight(profile, "--only", "drift")[0] == 0


def test_a_remedy_repeats_what_the_profile_was_given(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        PROFILE.replace("sysctl:", "vars: {queue: 10}\nsysctl:").replace("6000", "queue")
    )
    path.chmod(0o644)
    given = [path, "--set", "queue=7k", "--state-dir", tmp_path / "state"]
    assert tunekit("apply", *given, "--no-probe").returncode == 0
    Path("/proc/sys/net/core/somaxconn").write_text("500")

    _, findings = preflight(*given, "--only", "drift")
    (row,) = failing(findings).values()
    assert row["remedy"] == (
        f"tunekit apply {path} --set queue=7000 --state-dir {tmp_path / 'state'}"
    )
    assert tunekit(*row["remedy"].split()[1:], "--no-probe").returncode == 0
    assert preflight(*given, "--only", "drift")[0] == 0
    low = ["prlimit", "--nofile=32:1024", sys.executable, "-m", "tunekit", "preflight"]
    command = [*low, *map(str, given), "--only", "limits", "-f", "json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    (row,) = failing(json.loads(done.stdout)["findings"]).values()
    assert row["remedy"] == f"tunekit run {path} --set queue=7k -- COMMAND"


def test_a_remedy_for_another_namespace_enters_it(profile: Path) -> None:
    subprocess.run(["ip", "netns", "add", "blue"], check=True)

    code, findings = preflight(profile, "--only", "settings", "--netns", "blue")
    wrong = failing(findings)
    assert (code, len(wrong)) == (1, 2)
    for row in wrong.values():
        assert row["remedy"].startswith("ip netns exec blue sysctl -w ")
        subprocess.run(row["remedy"], shell=True, check=True, capture_output=True)
    assert preflight(profile, "--only", "settings", "--netns", "blue")[0] == 0
    assert preflight(profile, "--only", "settings")[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--probe", "quick", "{profile}"],
        ["--probe", "{profile}"],
        ["{profile}", "--probe"],
        ["--probe=full", "{profile}"],
    ],
)
def test_probe_takes_a_word_or_none(profile: Path, arguments: list[str]) -> None:
    words = [word.replace("{profile}", str(profile)) for word in arguments]

    code, findings = preflight(*words, "--only", "probe")
    assert code == 0
    assert findings[0]["observed"] == "200 proved"


def test_an_interrupted_wait_is_130(profile: Path) -> None:
    command = [sys.executable, "-m", "tunekit", "preflight", str(profile), "--only", "settings"]
    waiting = subprocess.Popen(
        [*command, "--wait", "60s", "-f", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert waiting.stderr is not None
    waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    out, _ = waiting.communicate(timeout=30)

    assert waiting.returncode == 130
    assert json.loads(out)["exit_code"] == 130
