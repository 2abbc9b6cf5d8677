"""The fence holds: what a test writes does not reach the host."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import fence


def on_the_host(*command: str) -> str:
    """Run a command outside the fence: in the namespaces of pytest's own process, our parent."""
    leave = ["nsenter", "-t", str(os.getppid()), "-m", "-n"]
    return subprocess.run([*leave, *command], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("key", ["fs/file-max", "fs/nr_open", "vm/max_map_count", "kernel/pid_max"])
def test_the_host_keys_are_on_a_read_only_file_system(key: str) -> None:
    with pytest.raises(OSError, match="Read-only file system"):
        os.open(f"/proc/sys/{key}", os.O_WRONLY)


def test_a_network_key_is_its_own_and_the_next_fence_starts_afresh() -> None:
    somaxconn = Path("/proc/sys/net/core/somaxconn")
    default = somaxconn.read_text()
    somaxconn.write_text("4242\n")
    other = fence.command([sys.executable, "-c", f"print(open('{somaxconn}').read(), end='')"])
    assert subprocess.run(other, capture_output=True, text=True, check=True).stdout == default
    assert somaxconn.read_text() == "4242\n"


def test_the_host_keeps_its_keys_while_the_fence_changes_its_own() -> None:
    before = on_the_host("cat", "/proc/sys/net/core/somaxconn")
    Path("/proc/sys/net/core/somaxconn").write_text("4243\n")
    assert on_the_host("cat", "/proc/sys/net/core/somaxconn") == before
    assert before != "4243\n"


@pytest.mark.parametrize("folder", ["/etc", "/var/lib", "/run"])
def test_what_is_written_to_a_system_folder_stays_inside(folder: str) -> None:
    inside = Path(folder, "tunekit-fence-test")
    inside.write_text("x")
    assert inside.name not in on_the_host("ls", folder).splitlines()
    assert inside.read_text() == "x"


def test_the_rest_of_etc_is_there_to_read() -> None:
    assert Path("/etc/passwd").read_text().startswith("root:")


def test_loopback_is_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
