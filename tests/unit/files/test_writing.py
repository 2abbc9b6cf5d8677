"""A file is there as a whole, or as it was; and only files of tunekit's own are written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.files.builders import make
from tunekit.files.root import Root
from tunekit.files.writing import FileRefused, clear, current, is_ours, replace

PATH = "/etc/sysctl.d/90-tunekit-web.conf"
DROP_IN = "/etc/systemd/system/nginx.service.d/90-tunekit-web.conf"


def test_a_file_is_written_replaced_and_removed(tmp_path: Path) -> None:
    with Root(tmp_path) as root:
        assert current(root, PATH) is None
        replace(root, PATH, "one\n")
        assert current(root, PATH) == "one\n"
        replace(root, PATH, "two\n")
        assert current(root, PATH) == "two\n"
        assert root.names("/etc/sysctl.d") == ("90-tunekit-web.conf",)
        assert (tmp_path / PATH[1:]).stat().st_mode & 0o7777 == 0o644
        replace(root, PATH, None)
        replace(root, PATH, None)
        assert current(root, PATH) is None
        assert root.exists("/etc/sysctl.d")


def test_a_folder_of_drop_ins_goes_with_its_last_file(tmp_path: Path) -> None:
    with Root(make(tmp_path, {"etc/systemd/system/x.service.d/mine.conf": ""})) as root:
        for unit in ("nginx", "x"):
            replace(root, DROP_IN.replace("nginx", unit), "[Service]\n")
            replace(root, DROP_IN.replace("nginx", unit), None)
        assert root.names("/etc/systemd/system") == ("x.service.d",)


def test_what_a_power_cut_left_beside_is_replaced(tmp_path: Path) -> None:
    make(tmp_path, {"etc/sysctl.d/.90-tunekit-web.conf.new": "half"})
    with Root(tmp_path) as root:
        replace(root, PATH, "whole\n")
        assert root.names("/etc/sysctl.d") == ("90-tunekit-web.conf",)


@pytest.mark.parametrize("text", [None, "old\n"])
def test_what_a_power_cut_left_beside_is_removed(tmp_path: Path, text: str | None) -> None:
    with Root(make(tmp_path, {"etc/sysctl.d/.90-tunekit-web.conf.new": "half"})) as root:
        if text is not None:
            make(tmp_path, {PATH[1:]: text})
        clear(root, PATH)
        assert root.names("/etc/sysctl.d") == (() if text is None else ("90-tunekit-web.conf",))
        assert current(root, PATH) == text


@pytest.mark.parametrize("left", [".90-tunekit-web.conf.new", ""])
def test_a_folder_that_was_made_for_a_file_goes_without_one(tmp_path: Path, left: str) -> None:
    folder = "etc/systemd/system/nginx.service.d"
    (tmp_path / folder).mkdir(parents=True)
    if left:
        make(tmp_path, {f"{folder}/{left}": "half"})
    with Root(tmp_path) as root:
        clear(root, DROP_IN)
        clear(root, DROP_IN)
        assert root.names("/etc/systemd/system") == ()


def test_a_folder_with_somebody_elses_file_stays(tmp_path: Path) -> None:
    folder = "etc/systemd/system/nginx.service.d"
    make(tmp_path, {f"{folder}/.90-tunekit-web.conf.new": "half", f"{folder}/mine.conf": ""})
    with Root(tmp_path) as root:
        clear(root, DROP_IN)
        assert root.names(f"/{folder}") == ("mine.conf",)


@pytest.mark.parametrize("place", ["etc", "etc/sysctl.d"])
def test_a_link_does_not_lead_out_of_the_root(tmp_path: Path, place: str) -> None:
    outside = tmp_path / "outside"
    (outside / "sysctl.d").mkdir(parents=True)
    target = os.path.relpath(outside, (tmp_path / "root" / place).parent)
    root = make(tmp_path / "root", {place: f"-> {target}"})
    with Root(root) as opened, pytest.raises(FileRefused):
        replace(opened, PATH, "x\n")
    assert list((outside / "sysctl.d").iterdir()) == []
    assert [path.name for path in outside.iterdir()] == ["sysctl.d"]


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    make(tmp_path, {PATH: "-> /etc/passwd", "etc/passwd": "root"})
    with Root(tmp_path) as root:
        assert current(root, PATH) == "-> not a file"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/etc/sysctl.d/99-local.conf",
        "/etc/sysctl.d/../tunekit-x.conf",
        "/etc/systemd/system/nginx.service",
        "/usr/lib/sysctl.d/90-tunekit-x.conf",
        "/etc/sysctl.d/90-tunekit-x.conf\n",
    ],
)
def test_no_other_file_is_written(tmp_path: Path, path: str) -> None:
    assert not is_ours(path)
    with Root(tmp_path) as root, pytest.raises(FileRefused, match="is no file that tunekit writes"):
        replace(root, path, "x")


@pytest.mark.parametrize(
    "path",
    [
        PATH,
        DROP_IN,
        "/etc/systemd/system/tunekit-web.service",
        "/etc/modules-load.d/90-tunekit-x.conf",
    ],
)
def test_own_files_are_known(path: str) -> None:
    assert is_ours(path)
