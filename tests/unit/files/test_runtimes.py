"""What container runtimes give their containers by their own configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tunekit.files.root import Root
from tunekit.files.runtimes import BadFile, Containers, read_runtime

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write


def read(tmp_path: Path, runtime: str) -> Containers:
    with Root(tmp_path) as root:
        return read_runtime(root, runtime)


def shown(found: Containers) -> dict[str, tuple[int | None, int | None, str]]:
    return {
        name: (soft.value, hard.value, str(hard.origin))
        for name, (soft, hard) in found.limits.items()
    }


DAEMON = """\
{
  "log-level": "nofile",
  "default-ulimits": {
    "nofile": {"Name": "nofile", "Soft": 1024, "Hard": 65536},
    "core": {"Name": "core", "Soft": -1, "Hard": -1}
  }
}
"""


def test_docker_has_its_ulimits_and_else_those_of_containerd(write: Write, tmp_path: Path) -> None:
    assert read(tmp_path, "docker").units == ("containerd.service", "docker.service")
    write("etc/docker/daemon.json", DAEMON)
    assert shown(read(tmp_path, "docker")) == {
        "nofile": (1024, 65_536, "/etc/docker/daemon.json:4"),
        "core": (-1, -1, "/etc/docker/daemon.json:5"),
    }


@pytest.mark.parametrize(
    "text", ["{}", '{"default-ulimits": {}}', '{"x": {"nofile": {"Soft": 1, "Hard": 1}}}']
)
def test_without_ulimits_docker_sets_none(text: str, write: Write, tmp_path: Path) -> None:
    write("etc/docker/daemon.json", text)
    found = read(tmp_path, "docker")
    assert (found.limits, found.bad) == ({}, ())


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"default-ulimits": []}', '{"default-ulimits": {"nofile": {"Soft": 1}}}'],
)
def test_a_file_that_docker_refuses_is_named(text: str, write: Write, tmp_path: Path) -> None:
    write("etc/docker/daemon.json", text)
    (bad,) = read(tmp_path, "docker").bad
    assert bad.path == "/etc/docker/daemon.json"


def test_the_last_file_of_crio_that_has_limits_wins(write: Write, tmp_path: Path) -> None:
    write("etc/crio/crio.conf", '[crio.runtime]\ndefault_ulimits = ["nofile=1:2", "nproc=3"]\n')
    write("etc/crio/crio.conf.d/10.conf", '[crio.runtime]\ndefault_ulimits = [\n"nofile=4:5",\n]\n')
    write("etc/crio/crio.conf.d/20.conf", "[crio.runtime]\n")
    found = read(tmp_path, "crio")
    assert shown(found) == {"nofile": (4, 5, "/etc/crio/crio.conf.d/10.conf:3")}
    assert found.units == ("crio.service",)


def test_podman_has_a_default_of_its_own(write: Write, tmp_path: Path) -> None:
    assert shown(read(tmp_path, "podman"))["nofile"] == (1_048_576, 1_048_576, "podman's default")
    write("etc/containers/containers.conf", '[containers]\ndefault_ulimits = ["nofile=7:-1"]\n')
    assert shown(read(tmp_path, "podman"))["nofile"] == (7, -1, "/etc/containers/containers.conf:2")


def test_a_list_that_is_no_limits_is_named(write: Write, tmp_path: Path) -> None:
    write("etc/containers/containers.conf", '[containers]\ndefault_ulimits = ["nofile"]\n')
    assert read(tmp_path, "podman").bad == (
        BadFile(path="/etc/containers/containers.conf", why="'nofile' is not NAME=SOFT:HARD"),
    )


def test_containerd_gives_what_its_unit_has(tmp_path: Path) -> None:
    assert read(tmp_path, "containerd") == Containers(units=("containerd.service",))
