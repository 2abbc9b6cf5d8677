"""No link leads out of a root, whether the kernel or tunekit itself resolves it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.files.builders import make
from tunekit.errors import UsageError
from tunekit.files.model import Unread
from tunekit.files.root import MAX_FILE, Root

by_hand = pytest.mark.parametrize("by_hand", [False, True])


@by_hand
@pytest.mark.parametrize(
    "link",
    [
        "-> /secret",
        "-> ../../../../../../secret",
        "-> /etc/../../secret",
        "-> chain",
        "-> /usr/lib/far",
    ],
)
def test_links_stay_inside(tmp_path: Path, link: str, *, by_hand: bool) -> None:
    make(tmp_path, {"secret": "outside", "root/secret": "inside"})
    root = make(
        tmp_path / "root",
        {"etc/a.conf": link, "etc/chain": "-> ../../secret", "usr/lib/far": "-> ../../../secret"},
    )
    with Root(root, by_hand=by_hand) as opened:
        assert opened.read("/etc/a.conf") == "inside"


@by_hand
def test_folders_that_are_links_stay_inside(tmp_path: Path, *, by_hand: bool) -> None:
    make(tmp_path, {"lib/sysctl.d/out.conf": ""})
    root = make(
        tmp_path / "root", {"usr/lib/sysctl.d/in.conf": "", "lib": "-> ../../../../usr/lib"}
    )
    with Root(root, by_hand=by_hand) as opened:
        assert opened.names("/lib/sysctl.d") == ("in.conf",)
        assert opened.identity("/lib") == opened.identity("/usr/lib")
        assert opened.identity("/lib") is not None


@by_hand
def test_a_loop_of_links_is_no_file(tmp_path: Path, *, by_hand: bool) -> None:
    with Root(make(tmp_path, {"a": "-> b", "b": "-> a"}), by_hand=by_hand) as opened:
        assert opened.read("/a") is None
        assert opened.unread == []


@by_hand
def test_what_is_no_regular_file_reads_as_empty(tmp_path: Path, *, by_hand: bool) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    with Root(tmp_path, by_hand=by_hand) as opened:
        assert opened.read("/fifo") == ""
        assert opened.read("/folder") == ""
        assert opened.read("/none") is None


def test_a_file_that_is_too_long_is_unread(tmp_path: Path) -> None:
    with Root(make(tmp_path, {"long": "x" * (MAX_FILE + 1)})) as opened:
        assert opened.read("/long") is None
        assert opened.unread == [Unread(path="/long", cause="longer than 1048576 bytes")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_unread(tmp_path: Path) -> None:
    make(tmp_path, {"closed": "x"}).joinpath("closed").chmod(0)
    with Root(tmp_path) as opened:
        assert opened.read("/closed") is None
        assert opened.unread == [Unread(path="/closed", cause="Permission denied")]


def test_a_root_is_a_directory(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Root(tmp_path / "none")
    assert str(caught.value) == (
        f"{tmp_path}/none: cannot be a root: No such file or directory; name the directory that "
        "holds the other system's etc and usr"
    )
