"""What runs on old values, seen on real sockets, processes and namespaces."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import tunekit
from tests.support import fence
from tunekit.check.model import Finding, Status
from tunekit.errors import ExitCode
from tunekit.kernel.child import call
from tunekit.kernel.process import become, find_user
from tunekit.report.model import Report

pytestmark = pytest.mark.slow

CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")
RMEM = Path("/proc/sys/net/ipv4/tcp_rmem")
SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
NAME = Path("/proc/self/comm")


@pytest.fixture(autouse=True)
def _named() -> None:
    # What is looked at is named after this process, which must not look at itself: a child does.
    fence.name_network("fence")
    NAME.write_text("testling")


def applied(folder: Path, *lines: str) -> tunekit.api.Profile:  # type: ignore[name-defined]
    """Apply a profile of some lines, and return it."""
    path = folder / "mine.yaml"
    path.write_text("\n".join(("tunekit: 1", "name: mine", *lines, "")))
    path.chmod(0o644)
    profile = tunekit.load_profile(path)
    assert tunekit.apply(profile, prove=False, netns="fence").exit_code is ExitCode.OK
    return profile


def rows(report: Report, check: str) -> list[tuple[str, Status, str]]:
    found = [row for row in report.findings if row.check == f"stale.{check}"]
    return [(row.subject, row.status, row.observed) for row in found]


def connected(stack: ExitStack, server: socket.socket, count: int) -> None:
    for _ in range(count):
        stack.enter_context(socket.create_connection(server.getsockname()))
        stack.enter_context(server.accept()[0])


def test_connections_keep_their_congestion_control_and_new_ones_of_an_old_listener_do_not(
    tmp_path: Path,
) -> None:
    before = CONGESTION.read_text().strip()
    if before == "reno":
        pytest.skip(
            "needs another default than reno: sysctl -w net.ipv4.tcp_congestion_control=..."
        )
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        connected(stack, server, 3)
        applied(tmp_path, "sysctl:", "  net.ipv4.tcp_congestion_control: reno")
        connected(stack, server, 2)

        report = tunekit.stale(netns="fence")

        assert rows(report, "congestion") == [
            ("testling", Status.WARN, f"{before} on 6 of 10 connections")
        ]
        assert report.exit_code is ExitCode.NO
    assert rows(tunekit.stale(netns="fence"), "congestion") == []


def test_buffers_of_before_are_told_from_those_that_a_program_set(tmp_path: Path) -> None:
    RMEM.write_text("4096 100000 6291456")
    with ExitStack() as stack:
        old = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        own = stack.enter_context(socket.socket())
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 50_000)
        # Just the old size, but it is the program that asked for it.
        same = stack.enter_context(socket.socket())
        same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 50_001)
        for each in (own, same):
            each.bind(("127.0.0.1", 0))
            each.listen(1)
        applied(tmp_path, "sysctl:", "  net.ipv4.tcp_rmem: [4096, 200000, 6291456]")
        stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        report = tunekit.stale(netns="fence")

        assert rows(report, "buffers") == [
            ("testling", Status.FAIL, "receive 100000 on 1 listener"),
            (
                "testling",
                Status.PASS,
                "receive 100000 on 1 listener; receive 100002 on 1 listener, its own choice",
            ),
        ]
        old.close()
        assert [row[1] for row in rows(tunekit.stale(netns="fence"), "buffers")] == [Status.PASS]


def test_a_limit_below_the_profiles_is_mended_by_the_command_that_is_shown(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, 5000))
        profile = applied(tmp_path, "limits:", "  nofile: {at_least: 4000}")

        report = tunekit.stale(profile, netns="fence")

        (finding,) = [row for row in report.findings if row.status is Status.FAIL]
        pid = os.getpid()
        assert (finding.subject, finding.expected, finding.observed) == (
            "testling",
            "4000:5000",
            f"300:5000 (1 process, pid {pid})",
        )
        command = f"tunekit apply {tmp_path}/mine.yaml --pid {pid}"
        assert finding.remedy.partition(";")[0] == command
        assert tunekit.apply(profile, pids=[pid], prove=False).exit_code is ExitCode.OK
        assert rows(tunekit.stale(profile, netns="fence"), "nofile") == []


def test_an_apply_ends_with_what_still_runs_on_old_values(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=60_000):
        path = tmp_path / "mine.yaml"
        path.write_text("tunekit: 1\nname: mine\nsysctl: {net.core.somaxconn: 9000}\n")
        path.chmod(0o644)
        report = tunekit.apply(tunekit.load_profile(path), prove=False, netns="fence")

    assert report.exit_code is ExitCode.OK
    assert report.verdict == (
        "transaction 1: 1 setting written and read back; 1 program runs on old values, see: "
        f"tunekit stale {path} --netns fence"
    )


@pytest.fixture
def other() -> Iterator[int]:
    """A process in a network namespace of its own, which listens there; gives its id."""
    ready, said = os.pipe()
    pid = os.fork()
    if pid == 0:
        fence.unshare_network()
        NAME.write_text("elsewhere")
        with socket.create_server(("127.0.0.1", 0)):
            os.write(said, b"x")
            signal.pause()
        os._exit(0)
    os.close(said)
    assert os.read(ready, 1) == b"x"
    yield pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def about(report: Report, pid: int) -> Finding:
    (finding,) = [row for row in report.findings if f"elsewhere (pid {pid})" in row.subject]
    return finding


def test_another_network_with_a_copy_of_its_own_is_named_until_it_is_mended(
    tmp_path: Path, other: int
) -> None:
    profile = applied(tmp_path, "sysctl:", "  net.core.somaxconn: 9000")

    finding = about(tunekit.stale(profile), other)
    assert (finding.check, finding.status, finding.observed) == (
        "stale.network",
        Status.WARN,
        "1 of 1 settings differ",
    )
    assert finding.remedy == f"tunekit apply {tmp_path}/mine.yaml --netns {other}"

    tunekit.apply(profile, prove=False, netns=str(other))
    assert about(tunekit.stale(profile), other).status is Status.PASS


def test_a_secret_is_compared_with_no_other_network(tmp_path: Path, other: int) -> None:
    path = tmp_path / "mine.yaml"
    secret = "net.ipv4.tcp_fastopen_key"
    value = "00112233-44556677-8899aabb-ccddeeff"
    path.write_text(f"tunekit: 1\nname: mine\nsysctl: {{{secret}: {value}}}\nallow: [{secret}]\n")
    path.chmod(0o644)

    report = tunekit.stale(tunekit.load_profile(path))

    assert other in [pid for network in report.data["networks"] for pid in network["pids"]]
    assert all(network["values"] == {} for network in report.data["networks"])


def as_nobody() -> Report:
    # What is imported while a command runs may not be readable to nobody where the checkout is.
    tunekit.stale(netns="fence")

    def look() -> Report:
        become(find_user("nobody"))
        return tunekit.stale()

    return call(look)


@pytest.mark.parametrize("hidden", [False, True])
def test_nobody_is_told_what_is_not_known(tmp_path: Path, hidden: bool) -> None:
    if hidden:
        _hide_processes()
    assert as_nobody().exit_code is ExitCode.IMPOSSIBLE
    with socket.create_server(("127.0.0.1", 8080), backlog=60_000):
        applied(tmp_path, "sysctl:", "  net.core.somaxconn: 9000")

        report = as_nobody()

    assert report.exit_code is ExitCode.NO
    assert rows(report, "backlog") == [
        ("(program not seen)", Status.WARN, "4096 on 127.0.0.1:8080")
    ]
    unseen = {subject: text for subject, _, text in rows(report, "unseen")}
    assert unseen.pop("journal")
    if hidden:
        assert unseen == {
            "processes": "this mount of /proc hides the processes of others (hidepid)"
        }
    else:
        (text,) = unseen.values()
        assert text.startswith("open files may not be seen: ")


def _hide_processes() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mount(b"proc", b"/proc", b"proc", 0, b"hidepid=2") == 0
