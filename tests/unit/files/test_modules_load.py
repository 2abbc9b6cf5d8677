"""Which modules boot loads, and which a kernel has inside of it."""

from __future__ import annotations

from pathlib import Path

from tests.unit.files.builders import make
from tunekit.files.modules_load import at_boot, built_in
from tunekit.files.root import Root


def test_modules_of_every_file_that_is_not_masked(tmp_path: Path) -> None:
    files = {
        "etc/modules": "# old\nloop max_loop=8\n",
        "etc/modules-load.d/a.conf": "nf-conntrack\n; no\n\n",
        "etc/modules-load.d/b.conf": "-> /dev/null",
        "usr/lib/modules-load.d/b.conf": "masked\n",
        "usr/lib/modules-load.d/c.conf": "tcp_bbr\n",
        "usr/lib/modules-load.d/d.txt": "not_read\n",
    }
    with Root(make(tmp_path, files)) as root:
        assert at_boot(root) == {"loop", "nf_conntrack", "tcp_bbr"}


def test_built_in_modules(tmp_path: Path) -> None:
    files = {"lib/modules/6.1/modules.builtin": "kernel/net/a-b.ko\nkernel/fs/ext4/ext4.ko\n"}
    with Root(make(tmp_path, files)) as root:
        assert built_in(root, "6.1") == {"a_b", "ext4"}
        assert built_in(root, "6.2") == frozenset()


def test_an_overlay_is_seen_in_place_of_what_is_there(tmp_path: Path) -> None:
    make(tmp_path, {"etc/modules-load.d/a.conf": "one\n", "etc/modules-load.d/b.conf": "two\n"})
    overlay = {"/etc/modules-load.d/a.conf": None, "/etc/modules-load.d/c.conf": "three\n"}
    with Root(tmp_path, overlay=overlay) as root:
        assert at_boot(root) == {"two", "three"}
        assert root.names("/etc/modules-load.d") == ("b.conf", "c.conf")
        assert root.exists("/etc/modules-load.d/c.conf")
