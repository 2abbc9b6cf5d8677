"""Which file a name stands for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tunekit.errors import ProfileError, UsageError
from tunekit.profile import load, looks_like_profile
from tunekit.profile.find import BUILT_IN, DEFAULT_SEARCH, locate, names

SEARCH = [Path("etc"), Path("built-in")]


@pytest.fixture
def library(write) -> None:
    write("etc/local.yaml", "")
    write("etc/both.yaml", "")
    write("built-in/both.yaml", "")
    write("built-in/shipped.yml", "")
    write("here.yaml", "")
    write("both.yaml", "")


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("profile", "path"),
    [
        ("both", "etc/both.yaml"),
        ("both.yaml", "both.yaml"),
        ("shipped", "built-in/shipped.yml"),
        ("shipped.yaml", "built-in/shipped.yml"),
        ("local.yaml", "etc/local.yaml"),
        ("here.yaml", "here.yaml"),
        ("./nowhere", "nowhere"),
        ("/nowhere.yaml", "/nowhere.yaml"),
    ],
)
def test_a_path_is_as_given_and_a_name_is_looked_for(profile: str, path: str) -> None:
    assert locate(profile, search=SEARCH) == Path(path)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("ship", "ship: no such profile; did you mean shipped?"),
        ("here", "here: no such profile; write a path, or one of: both, local, shipped"),
        (
            "x\0y",
            "x\\x00y: no such profile and not a name for one; "
            "write a path, or one of: both, local, shipped",
        ),
    ],
)
def test_a_name_that_is_not_found(profile: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        locate(profile, search=SEARCH)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("argument", "is_profile"),
    [
        ("high-conn", True),
        ("high-conn.yaml", True),
        ("a/b.yml", True),
        ("./x", True),
        ("/etc/x", True),
        ("net.core.somaxconn", False),
        ("net/core/somaxconn", False),
        ("net.ipv4.tcp_*", False),
    ],
)
def test_an_argument_is_a_profile_or_a_key(argument: str, is_profile: bool) -> None:
    assert looks_like_profile(argument) is is_profile


def test_the_built_in_profiles_are_found_last() -> None:
    assert (Path("/etc/tunekit/profiles"), BUILT_IN) == DEFAULT_SEARCH
    assert {"base", "high-conn"} <= set(names([BUILT_IN]))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./gone.yaml", "gone.yaml: cannot be opened: no such file or directory; check the path"),
        ("./folder", "folder: not a regular file; copy it into a file"),
        ("./pipe", "pipe: not a regular file; copy it into a file"),
        ("pipe.yaml", "pipe.yaml: not a regular file; copy it into a file"),
        ("./a\0b.yaml", "a\0b.yaml: not a path; write the path of a file"),
    ],
)
def test_what_is_no_file_is_refused_without_waiting(write, facts, name, message) -> None:
    write("folder/x", "")
    os.mkfifo("pipe")
    os.mkfifo("pipe.yaml")

    with pytest.raises(ProfileError) as caught:
        load(name, facts=facts, kernel_has=lambda _: False, trust=True)

    assert str(caught.value) == message
