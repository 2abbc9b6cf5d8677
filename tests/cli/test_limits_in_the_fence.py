"""`inspect --limits` and `preflight --unit/--user`: whether a profile's limits arrive."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tunekit.report.json import schema

pytestmark = [pytest.mark.kernel, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
UNITS = Path("/etc/systemd/system")
PROFILE = """\
tunekit: 1
name: mine
limits:
  nofile: {at_least: [4096, 9000], reason: a descriptor for each connection}
  memlock: {at_least: 100MiB}
"""


def tunekit(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tunekit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def report(*arguments: str | Path) -> dict[str, Any]:
    done = tunekit(*arguments, "--format", "json")
    found: dict[str, Any] = json.loads(done.stdout)
    Draft202012Validator(schema()).validate(found)
    assert found["exit_code"] == done.returncode
    return found


def limits(found: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    return {
        row["name"]: (row["soft"], row["hard"], row["soft_from"], row["hard_from"])
        for row in found["data"]["limits"]
    }


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(PROFILE)
    return path


@pytest.fixture
def unit() -> str:
    UNITS.mkdir(parents=True, exist_ok=True)
    (UNITS / "mine.service").write_text("[Service]\nExecStart=/bin/true\nLimitNOFILE=2000\n")
    (UNITS / "mine.service.d").mkdir()
    (UNITS / "mine.service.d/a.conf").write_text("[Service]\n# more\nLimitNOFILE=3000:9000\n")
    return "mine.service"


def test_a_unit_gets_the_last_word_of_its_drop_ins(unit: str) -> None:
    found = report("inspect", "--limits", "--unit", "mine")
    where = f"/etc/systemd/system/{unit}.d/a.conf:3"
    assert (found["exit_code"], found["data"]["whose"]) == (0, unit)
    assert limits(found)["nofile"] == ("3000", "9000", where, where)
    assert limits(found)["memlock"][2] == "systemd's default"


def test_what_does_not_arrive_is_1_and_its_remedy_brings_it(unit: str, profile: Path) -> None:
    before = report("inspect", "--limits", profile, "--unit", unit)
    assert before["exit_code"] == 1
    short = [row for row in before["findings"] if row["status"] == "fail"]
    assert [row["subject"] for row in short] == ["rlimit.nofile", "rlimit.memlock"]
    for row in short:
        subprocess.run(row["remedy"], shell=True, check=True)
    after = report("inspect", "--limits", profile, "--unit", unit)
    assert after["exit_code"] == 0
    assert after["verdict"] == "mine.service: the limits of mine arrive"


def test_preflight_judges_the_unit(unit: str, profile: Path) -> None:
    before = report("preflight", profile, "--unit", unit, "--only", "limits")
    assert before["exit_code"] == 1
    assert before["findings"][0]["observed"] == (
        "soft 3000, hard 9000 for mine.service, from /etc/systemd/system/mine.service.d/a.conf:3"
    )
    for row in before["findings"]:
        subprocess.run(row["remedy"], shell=True, check=True)
    after = report("preflight", profile, "--unit", unit, "--only", "limits")
    assert after["exit_code"] == 0


def test_a_session_gets_what_its_most_specific_line_says(profile: Path) -> None:
    folder = Path("/etc/security/limits.d")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.conf").write_text("nobody - nofile 5000\n* - nofile 6000\n* - memlock 1\n")
    before = report("inspect", "--limits", profile, "--user", "nobody")
    assert before["exit_code"] == 1
    assert limits(before) == {
        "nofile": ("5000", "5000", f"{folder}/a.conf:1", f"{folder}/a.conf:1"),
        "memlock": ("1024", "1024", f"{folder}/a.conf:3", f"{folder}/a.conf:3"),
    }
    for row in before["findings"]:
        subprocess.run(row["remedy"], shell=True, check=True)
    after = report("preflight", profile, "--user", "nobody", "--only", "limits")
    assert after["exit_code"] == 0


def test_a_hard_limit_above_nr_open_does_not_arrive(profile: Path) -> None:
    folder = Path("/etc/security/limits.d")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.conf").write_text("nobody - nofile 2147483000\n")
    found = report("inspect", "--limits", profile, "--user", "nobody")
    assert found["exit_code"] == 1
    (row,) = [row for row in found["findings"] if row["status"] == "fail"]
    assert (row["file"], row["line"]) == (f"{folder}/a.conf", 1)
    assert row["remedy"].startswith("sysctl -w fs.nr_open=2147483000, or write at most ")


def test_a_process_has_what_it_has(profile: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        found = report("inspect", "--limits", profile, "--pid", str(sleeper.pid))
        subprocess.run(["prlimit", "--pid", str(sleeper.pid), "--nofile=100:9000"], check=True)
        changed = report("inspect", "--limits", profile, "--pid", str(sleeper.pid))
        sleeper.kill()
    assert found["data"]["whose"] == f"process {sleeper.pid}"
    assert limits(changed)["nofile"][:2] == ("100", "9000")
    (row,) = [row for row in changed["findings"] if row["subject"] == "rlimit.nofile"]
    assert row["remedy"] == f"prlimit --pid {sleeper.pid} --nofile=4096:9000"


def test_the_table_tells_where_each_comes_from(unit: str, profile: Path) -> None:
    done = tunekit("inspect", "--limits", profile, "--unit", unit)
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert "nofile   3000     9000     at least 4096 9000  short\n" in done.stdout
    assert "    /etc/systemd/system/mine.service.d/a.conf:3; a descriptor for each" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--limits --unit nosuch", "no unit named nosuch.service; see systemctl list-unit-files"),
        ("--limits --unit a/b", "'a/b' is not a unit; such as nginx.service"),
        ("--limits --user nosuch", "no user named 'nosuch'; see getent passwd"),
        (
            "--limits --user root --pid 1",
            "limits of more than one; give one of --unit, --user, --runtime and --pid at a time",
        ),
        ("--unit cron", "--unit, --user, --runtime and --pid are for limits; add --limits"),
        (
            "--limits fs.nr_open",
            "--limits is about processes of this host; give a profile and one of --unit, --user, "
            "--runtime and --pid, or less",
        ),
    ],
)
def test_wrong_usage_is_2(arguments: str, message: str) -> None:
    done = tunekit("inspect", *arguments.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"tunekit: error: {message}\n"


def test_a_masked_unit_does_not_start() -> None:
    UNITS.mkdir(parents=True, exist_ok=True)
    (UNITS / "gone.service").symlink_to("/dev/null")
    done = tunekit("inspect", "--limits", "--unit", "gone")
    assert done.returncode == 2
    assert done.stderr == (
        "tunekit: error: gone.service is masked: it does not start; systemctl unmask gone.service\n"
    )


def test_capacity_takes_the_descriptors_that_the_unit_gets(unit: str) -> None:
    found = report("capacity", "-c", "5k", "--unit", unit, "--active", "0")
    nofile = found["data"]["ladder"][0]
    assert (nofile["value"], nofile["allows"], nofile["status"]) == ("3000", 2936, "fail")
    assert nofile["why"] == "1 process of the service, each with its own, as mine.service gets it"


def test_containers_get_the_runtimes_limits_else_those_of_its_unit(profile: Path) -> None:
    UNITS.mkdir(parents=True, exist_ok=True)
    (UNITS / "containerd.service").write_text("[Service]\nLimitNOFILE=3000\nLimitMEMLOCK=1G\n")
    inherited = report("inspect", "--limits", profile, "--runtime", "docker")
    Path("/etc/docker").mkdir()
    Path("/etc/docker/daemon.json").write_text(
        '{"default-ulimits": {"nofile": {"Soft": 5000, "Hard": 9000}}}'
    )
    own = report("preflight", profile, "--runtime", "docker", "--only", "limits")
    assert inherited["exit_code"] == 1
    assert limits(inherited)["nofile"][:3] == ("3000", "3000", f"{UNITS}/containerd.service:2")
    (short,) = [row for row in inherited["findings"] if row["status"] == "fail"]
    assert short["remedy"] == "docker run --ulimit nofile=4096:9000 IMAGE"
    assert own["exit_code"] == 0
    assert own["findings"][0]["observed"] == (
        "soft 5000, hard 9000 for containers of docker, from /etc/docker/daemon.json:1"
    )
