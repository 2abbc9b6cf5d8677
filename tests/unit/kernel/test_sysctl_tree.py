"""Reading a tree that looks like /proc/sys: nothing outside it is ever opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunekit.errors import InvalidKey, ReadFailed
from tunekit.kernel.readings import Cause, Elsewhere, Missing, Value
from tunekit.kernel.sysctl import Sysctls
from tunekit.values import SysctlKey

KEY = SysctlKey.parse("net.core.somaxconn")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "sys"
    for path, text in {
        "net/core/somaxconn": "4096\n",
        "net/core/netdev_max_backlog": "1000\n",
        "net/ipv4/route/flush": "",
        "net/ipv6/conf/all/stable_secret": "secret\n",
        "net/ipv4/tcp_fastopen_key": "secret\n",
        "vm/stat_refresh": "",
        "kernel/hostname": "web1\n",
    }.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (root / "net/ipv4/route/flush").chmod(0o200)
    return root


def links(tmp_path: Path, root: Path) -> tuple[SysctlKey, ...]:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "value").write_text("out\n")
    (root / "folder").symlink_to(outside)
    (root / "net/core/link").symlink_to(outside / "value")
    (root / "net/inside").symlink_to(root / "net/core")
    names = ("folder.value", "net.core.link", "net.inside.somaxconn")
    return tuple(SysctlKey.parse(name) for name in names)


def test_a_link_in_a_key_is_refused_before_anything_is_opened(tmp_path: Path, root: Path) -> None:
    sysctls = Sysctls(root)
    messages = []
    for key in links(tmp_path, root):
        for call in (
            sysctls.read,
            sysctls.write_refusal,
            lambda key: sysctls.write(key, "changed"),
        ):
            with pytest.raises(InvalidKey) as caught:
                call(key)
        messages.append(str(caught.value))
    hint = f"a key names one file below {root}"
    assert messages == [
        f"folder.value: {root}/folder is a symbolic link; {hint}",
        f"net.core.link: {root}/net/core/link is a symbolic link; {hint}",
        f"net.inside.somaxconn: {root}/net/inside is a symbolic link; {hint}",
    ]
    assert (tmp_path / "outside/value").read_text() == "out\n"
    assert (root / "net/core/somaxconn").read_text() == "4096\n"


def test_the_walk_follows_no_link(tmp_path: Path, root: Path) -> None:
    sysctls = Sysctls(root)
    before = list(sysctls.walk())
    links(tmp_path, root)
    assert list(sysctls.walk()) == before


def test_the_walk_leaves_out_triggers_side_effects_and_secrets(root: Path) -> None:
    assert [str(key) for key in Sysctls(root).walk()] == [
        "kernel.hostname",
        "net.core.netdev_max_backlog",
        "net.core.somaxconn",
    ]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"4096\n", "4096"),
        (b"4096", "4096"),
        (b"\n", ""),
        (b"", ""),
        (b"a\n\n", "a\n"),
        (b"4096\t16384\t4194304\n", "4096\t16384\t4194304"),
        (b"\xff\n", "\udcff"),
        (b"1," * 4096 + b"2\n", "1," * 4096 + "2"),
        (b"1," * 2048, "1," * 2048),
        (b"x" * 500_000 + b"\n", "x" * 500_000),
    ],
    ids=lambda content: f"{len(content)} characters",
)
def test_a_value_comes_whole_without_the_newline_at_its_end(
    root: Path, content: bytes, text: str
) -> None:
    (root / KEY.path).write_bytes(content)
    assert Sysctls(root).read(KEY) == Value(text)


def test_a_value_without_end_is_an_error(root: Path) -> None:
    (root / KEY.path).write_bytes(b"x" * (1 << 20))
    with pytest.raises(ReadFailed) as caught:
        Sysctls(root).read(KEY)
    assert str(caught.value) == (
        "net.core.somaxconn: longer than 1048576 bytes; no sysctl is; is it a file?"
    )


def test_bytes_that_are_no_text_are_written_as_they_were_read(root: Path) -> None:
    (root / KEY.path).write_bytes(b"\xff\xfe")
    reading = Sysctls(root).read(KEY)
    assert isinstance(reading, Value)
    Sysctls(root).write(KEY, reading.text)
    assert (root / KEY.path).read_bytes() == b"\xff\xfe"


@pytest.mark.parametrize(
    "text", ["net.core.nosuch", "no.such", "net.core.somaxconn.deeper", "net.core"]
)
def test_what_is_not_there_is_missing(root: Path, text: str) -> None:
    key = SysctlKey.parse(text)
    sysctls = Sysctls(root)
    assert sysctls.read(key) == Missing()
    assert not sysctls.has(key)
    assert sysctls.write_refusal(key) is Cause.MISSING


def test_a_host_key_is_elsewhere_only_where_the_host_keys_are_hidden(root: Path) -> None:
    backlog = SysctlKey.parse("net.core.netdev_max_backlog")
    memory = SysctlKey.parse("net.ipv4.tcp_mem")
    sysctls = Sysctls(root)
    assert not sysctls.hides_host_keys
    assert sysctls.read(memory) == Missing()
    (root / backlog.path).unlink()
    assert sysctls.hides_host_keys
    assert sysctls.read(memory) == Elsewhere()
    assert sysctls.read(SysctlKey.parse("fs.file-max")) == Missing()


def test_a_tree_that_is_not_there_is_an_error_of_the_walk(tmp_path: Path) -> None:
    with pytest.raises(ReadFailed) as caught:
        list(Sysctls(tmp_path / "none").walk())
    assert (
        str(caught.value)
        == f"{tmp_path}/none: cannot be read: No such file or directory; mount /proc"
    )
