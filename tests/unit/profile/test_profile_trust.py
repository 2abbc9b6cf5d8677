"""What root may believe. The owners are passed in, so any user can run these."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tunekit.errors import ProfileError, UsageError
from tunekit.profile import load
from tunekit.profile.trust import check, trusted_owners

OWNERS = frozenset({0, os.getuid()})


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "p.yaml"
    path.parent.mkdir(mode=0o755)
    path.write_text("tunekit: 1\n")
    path.chmod(0o644)
    return path


@pytest.fixture
def judge() -> Iterator[Callable[..., None]]:
    opened: list[int] = []

    def judge(path: Path, owners: frozenset[int] = OWNERS) -> None:
        opened.append(os.open(path, os.O_RDONLY))
        check(opened[-1], str(path), owners)

    yield judge
    for descriptor in opened:
        os.close(descriptor)


def test_a_file_of_one_s_own_is_believed(profile: Path, judge) -> None:
    judge(profile)


def test_a_sticky_folder_is_believed(profile: Path, judge) -> None:
    profile.parent.chmod(0o1777)
    judge(profile)


@pytest.mark.parametrize(
    ("mode", "who"), [(0o666, "everybody"), (0o646, "everybody"), (0o664, f"group {os.getgid()}")]
)
def test_a_file_that_others_may_write(profile: Path, judge, mode: int, who: str) -> None:
    profile.chmod(mode)

    with pytest.raises(UsageError) as caught:
        judge(profile)

    assert str(caught.value) == (
        f"{profile}: writable by {who}, who could change what root does; chmod go-w {profile}"
    )


def test_a_folder_that_others_may_write(profile: Path, judge) -> None:
    profile.parent.chmod(0o777)

    with pytest.raises(UsageError) as caught:
        judge(profile)

    assert str(caught.value) == (
        f"{profile}: its folder {profile.parent} is writable by everybody, "
        f"who could change what root does; chmod go-w {profile.parent}"
    )


def test_a_folder_further_up_that_others_may_write(profile: Path, judge) -> None:
    deep = profile.parent / "a" / "b"
    deep.mkdir(parents=True, mode=0o755)
    profile = profile.rename(deep / "p.yaml")
    top = deep.parent.parent
    top.chmod(0o777)

    with pytest.raises(UsageError, match=f"its folder {top} is writable by everybody"):
        judge(profile)


def test_a_stranger_s_file(profile: Path, judge) -> None:
    with pytest.raises(UsageError) as caught:
        judge(profile, frozenset({os.getuid() + 1}))

    assert str(caught.value) == (
        f"{profile}: owned by uid {os.getuid()}, who could change what root does; "
        f"chown root {profile}"
    )


def test_a_link_is_judged_by_what_it_leads_to(profile: Path, judge, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(profile)
    profile.parent.chmod(0o777)

    with pytest.raises(UsageError, match=f"its folder {profile.parent} is writable"):
        judge(link)


def test_a_file_that_is_gone_from_its_folder(profile: Path) -> None:
    descriptor = os.open(profile, os.O_RDONLY)
    profile.unlink()
    try:
        with pytest.raises(UsageError) as caught:
            check(descriptor, str(profile), OWNERS)
    finally:
        os.close(descriptor)

    assert str(caught.value) == f"{profile}: moved or replaced while it was opened; try again"


@pytest.mark.parametrize(
    ("environ", "owners"),
    [
        ({}, {0}),
        ({"SUDO_UID": "1000"}, {0, 1000}),
        ({"SUDO_UID": "0"}, {0}),
        ({"SUDO_UID": "-1"}, {0}),
        ({"SUDO_UID": "x"}, {0}),
    ],
)
def test_sudo_says_who_called(environ: dict[str, str], owners: set[int]) -> None:
    assert trusted_owners(environ) == owners


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: sudo pytest tests/unit/profile")
def test_root_is_strict_with_a_profile_and_with_each_parent(tmp_path: Path, facts) -> None:
    parent = tmp_path / "parent.yaml"
    parent.write_text("tunekit: 1\n")
    parent.chmod(0o666)
    child = tmp_path / "child.yaml"
    child.write_text("tunekit: 1\nextends: parent.yaml\n")

    with pytest.raises(ProfileError) as caught:
        load(str(child), facts=facts, kernel_has=lambda _: False)

    assert str(caught.value) == (
        f"{child}:2: extends: {parent}: writable by everybody, who could change what root does; "
        f"chmod go-w {parent}"
    )
    assert load(str(child), facts=facts, kernel_has=lambda _: False, trust=True).name == "child"
