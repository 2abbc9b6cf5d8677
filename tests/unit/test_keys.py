"""Sysctl keys: what is one, and what is refused before any file is opened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.errors import InvalidKey, TunekitError
from tunekit.values import MAX_KEY_LENGTH, SysctlKey, is_glob


@pytest.mark.parametrize(
    ("text", "path", "shown"),
    [
        ("net.core.somaxconn", "net/core/somaxconn", "net.core.somaxconn"),
        ("net/core/somaxconn", "net/core/somaxconn", "net.core.somaxconn"),
        ("fs.file-max", "fs/file-max", "fs.file-max"),
        (
            "net.ipv4.conf.eth0/100.forwarding",
            "net/ipv4/conf/eth0.100/forwarding",
            "net.ipv4.conf.eth0/100.forwarding",
        ),
        (
            "net/ipv4/conf/eth0.100/forwarding",
            "net/ipv4/conf/eth0.100/forwarding",
            "net.ipv4.conf.eth0/100.forwarding",
        ),
        (
            "net.ipv4.conf.eth0.100.forwarding",
            "net/ipv4/conf/eth0/100/forwarding",
            "net.ipv4.conf.eth0.100.forwarding",
        ),
    ],
)
def test_the_first_separator_decides(text: str, path: str, shown: str) -> None:
    key = SysctlKey.parse(text)
    assert (key.path, str(key)) == (path, shown)


NO_EMPTY = "an empty component; a key names one file below /proc/sys"
NO_PARENT = "a key cannot have '..' as a component; a key names one file below /proc/sys"
NO_DOT = "a key cannot have '.' as a component; a key names one file below /proc/sys"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a sysctl key: no dot and no slash in it; write the whole name, such as "
             "net.core.somaxconn"),
        ("somaxconn", "somaxconn: not a sysctl key: no dot and no slash in it; write the whole "
                      "name, such as net.core.somaxconn"),
        ("/proc/sys/fs/file-max", f"/proc/sys/fs/file-max: {NO_EMPTY}"),
        (".fs.file-max", f".fs.file-max: {NO_EMPTY}"),
        ("fs..file-max", f"fs..file-max: {NO_EMPTY}"),
        ("fs.file-max.", f"fs.file-max.: {NO_EMPTY}"),
        ("fs/file-max/", f"fs/file-max/: {NO_EMPTY}"),
        ("net/../../etc/passwd", f"net/../../etc/passwd: {NO_PARENT}"),
        ("net.//.//.etc", f"net.//.//.etc: {NO_PARENT}"),
        ("//.//.tmp.x", f"//.//.tmp.x: {NO_EMPTY}"),
        ("fs/./file-max", f"fs/./file-max: {NO_DOT}"),
        ("fs./.file-max", f"fs./.file-max: {NO_DOT}"),
        ("fs.file\0max", r"fs.file\x00max: a key cannot hold '\x00'; write a.b.c or a/b/c"),
        ("fs.file-max\n", r"fs.file-max\n: a key cannot hold '\n'; write a.b.c or a/b/c"),
        ("fs.file max", "fs.file max: a key cannot hold ' '; write a.b.c or a/b/c"),
        ("a." + "b" * 1100, f"a.{'b' * 75}...: longer than 1024 characters; a key is at most that"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_file_below_proc_sys_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        SysctlKey.parse(text)
    assert str(caught.value) == message


component = st.text(
    st.characters(blacklist_characters="/\0", min_codepoint=33, max_codepoint=126), min_size=1
).filter(lambda part: part not in (".", ".."))


@given(st.lists(component, min_size=2, max_size=8))
def test_a_path_is_read_back_as_itself(parts: list[str]) -> None:
    # A first component with a dot in it would make the dot the first separator.
    parts[0] = parts[0].replace(".", "_")
    if len("/".join(parts)) <= MAX_KEY_LENGTH:
        assert SysctlKey.parse("/".join(parts)).parts == tuple(parts)


@given(st.lists(component, min_size=2, max_size=8))
def test_the_dotted_form_is_read_back_as_the_same_key(parts: list[str]) -> None:
    parts[0] = parts[0].replace(".", "_")
    key = SysctlKey(tuple(parts))
    assert SysctlKey.parse(str(key)) == key


@given(st.text())
def test_any_text_is_a_key_below_the_root_or_an_error_of_ours(text: str) -> None:
    key = key_or_error(text)
    if isinstance(key, TunekitError):
        assert str(key).isprintable()
    else:
        assert len(key.parts) >= 2
        assert not {"", ".", ".."} & set(key.parts)
        assert not any("/" in part or "\0" in part for part in key.parts)


def key_or_error(text: str) -> SysctlKey | TunekitError:
    try:
        return SysctlKey.parse(text)
    except TunekitError as error:
        return error


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("net.core.somaxconn", True),
        ("net.core.*", True),
        ("net.*.somaxconn", True),
        ("net.core.some*", False),
        ("net.core.somax[a-z]*", True),
        ("net.*", False),
        ("*.*.*.*", False),
    ],
)
def test_a_star_does_not_cross_a_dot(pattern: str, matches: bool) -> None:
    assert SysctlKey.parse("net.core.somaxconn").matches(pattern) is matches


def test_a_star_matches_an_interface_with_a_dot_in_its_name() -> None:
    assert SysctlKey.parse("net/ipv4/conf/eth0.100/forwarding").matches(
        "net.ipv4.conf.*.forwarding"
    )


@pytest.mark.parametrize(("text", "glob"), [("net.ipv4.tcp_*", True), ("net.ipv4.tcp_mem", False)])
def test_a_pattern_is_told_from_a_key(text: str, glob: bool) -> None:
    assert is_glob(text) is glob
