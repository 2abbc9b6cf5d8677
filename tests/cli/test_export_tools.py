"""Every export is accepted by the tool that it is for, by that tool's own reader."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.programs import program, unpacked

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PROFILES = ("high-conn", "proxy", "low-latency")


def exported(profile: str, target: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tunekit", "profile", "export", profile, "--to", target, "--quiet"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("profile", PROFILES)
def test_tuned_reads_every_key(profile: str, tmp_path: Path) -> None:
    packages = unpacked("tuned", "usr/lib/python3/dist-packages")
    (tmp_path / "tunekit-test").mkdir()
    (tmp_path / "tunekit-test" / "tuned.conf").write_text(exported(profile, "tuned"))
    reader = (
        "import json, sys\n"
        "from tuned.profiles.locator import Locator\n"
        "from tuned.profiles.factory import Factory\n"
        "from tuned.profiles.merger import Merger\n"
        "from tuned.profiles.loader import Loader\n"
        "from tuned.profiles.variables import Variables\n"
        "from tuned.utils.global_config import GlobalConfig\n"
        "class NoConfig:\n"
        "    def get_list(self, *a): return [sys.argv[1]]\n"
        "    def get(self, *a): return ''\n"
        "locator = Locator([sys.argv[1]])\n"
        "loader = Loader(locator, Factory(), Merger(), NoConfig(), Variables())\n"
        "profile = loader.load(['tunekit-test'])\n"
        "units = {n: dict(u.options) for n, u in profile.units.items()}\n"
        "json.dump([dict(profile.options), units], sys.stdout)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", reader, str(tmp_path)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(packages)},
        check=False,
    )

    assert done.returncode == 0, done.stderr
    options, units = yaml.safe_load(done.stdout)
    assert options["summary"]
    assert units["sysctl"]["net.core.somaxconn"] == ">65535" or profile == "low-latency"
    assert len(units["sysctl"]) == len(settings(exported(profile, "sysctl.d")))


def settings(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.removeprefix("-").split(" = ", 1) for line in lines)


@pytest.mark.parametrize("profile", PROFILES)
def test_ansible_accepts_the_playbook(profile: str, tmp_path: Path) -> None:
    playbook = tmp_path / "play.yaml"
    playbook.write_text(exported(profile, "ansible"))
    done = subprocess.run(
        [program("ansible-playbook", "ansible-core"), "--syntax-check", "-i", "h,", str(playbook)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    content = yaml.load(playbook.read_text(), Loader=_AsText)[0]["tasks"][0]
    assert settings(content["ansible.builtin.copy"]["content"]) == settings(
        exported(profile, "sysctl.d")
    )


class _AsText(yaml.SafeLoader):
    """A loader to which `!unsafe` is what Ansible makes of it: the text as it is."""


_AsText.add_constructor("!unsafe", lambda loader, node: node.value)


@pytest.mark.parametrize("profile", ["high-conn", "proxy"])
def test_systemd_accepts_the_drop_in(profile: str, tmp_path: Path) -> None:
    analyze = program("systemd-analyze", "systemd")
    unit = tmp_path / "app.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    folder = tmp_path / "app.service.d"
    folder.mkdir()
    (folder / "90-tunekit.conf").write_text(exported(profile, "systemd"))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("profile", PROFILES)
def test_compose_accepts_the_service(profile: str, tmp_path: Path) -> None:
    compose = program("docker-compose", "docker-compose")
    (tmp_path / "compose.yaml").write_text("services:\n  app:\n    image: example\n")
    (tmp_path / "tuned.yaml").write_text(exported(profile, "docker"))
    done = subprocess.run(
        [compose, "-f", "compose.yaml", "-f", "tuned.yaml", "config"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    app = yaml.safe_load(done.stdout)["services"]["app"]
    assert app["image"] == "example"
    assert app["sysctls"]["net.ipv4.tcp_sack"] == "1"
    assert not [key for key in app["sysctls"] if key.startswith(("fs.", "vm."))]


@pytest.mark.parametrize("profile", PROFILES)
def test_kubernetes_accepts_the_pod(profile: str) -> None:
    import kubernetes_validate

    pod = yaml.safe_load(exported(profile, "kubernetes"))
    pod |= {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"}}
    pod["spec"]["containers"] = [{"name": "app", "image": "example"}]

    kubernetes_validate.validate(pod, "1.32", strict=True)

    assert {"name": "net.ipv4.tcp_sack", "value": "1"} in pod["spec"]["securityContext"]["sysctls"]
