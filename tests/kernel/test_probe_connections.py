"""Connections are really opened and proved, faults are named, and nothing is left behind."""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tunekit.errors import Interrupted, ProbeRefused, UsageError
from tunekit.kernel import counters
from tunekit.probe.connections import prove
from tunekit.probe.load import Family, Load, Lost, Obstacle, Phase, Progress, Proof

SYSCTLS = Path("/proc/sys/net")


def children() -> list[str]:
    return Path("/proc/thread-self/children").read_text().split()


def sockets() -> tuple[int, int]:
    found = counters.sockstat()
    return found["TCP.inuse"], found["TCP.tw"]


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """Every test ends with the sockets, processes and descriptors that it began with."""
    before = sockets(), children(), descriptors(os.getpid())
    yield
    assert (sockets(), children(), descriptors(os.getpid())) == before


def descriptors(pid: int) -> list[str]:
    """What a process holds open, but for the folder that is being listed."""
    folder = Path(f"/proc/{pid}/fd")
    found = []
    for link in folder.iterdir():
        try:
            found.append(str(link.readlink()).split(":")[0])
        except FileNotFoundError:
            continue
    return sorted(found)


def limits() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def causes(proof: Proof) -> set[tuple[Phase, str]]:
    return {(one.phase, one.cause) for one in proof.lost}


def accounted(proof: Proof) -> bool:
    return proof.proved + sum(one.count for one in proof.lost) == proof.asked


def figure(proof: Proof, name: str) -> float:
    return next(float(one.measured or 0) for one in proof.measurements if one.name == name)


def test_two_thousand_connections_are_proved_twice() -> None:
    proof = prove(Load(connections=2000, hold=0.05))
    assert (proof.asked, proof.opened, proof.proved, proof.rounds) == (2000, 2000, 2000, 2)
    assert proof.ok
    assert proof.lost == proof.faults == proof.notes == ()
    assert proof.obstacle is None
    assert proof.sockets_seen == proof.sockets_expected == 4000 + proof.listeners
    assert set(proof.counters.values()) == {0}
    assert proof.user == "nobody"
    assert proof.backlog == 4096
    assert proof.time_wait_left == 0
    assert figure(proof, "connections.proved") == 2000
    assert figure(proof, "connect.rate") > 0


@pytest.mark.parametrize("family", [Family.INET6, Family.UNIX])
def test_other_families_are_proved_and_counted(family: Family) -> None:
    proof = prove(Load(connections=500, family=family, hold=0.05))
    assert (proof.proved, proof.rounds, proof.ok) == (500, 2, True)
    assert proof.sockets_seen is not None
    assert proof.sockets_seen >= proof.sockets_expected == 1000 + proof.listeners


def test_a_rate_is_kept_and_latency_counts_from_when_a_connect_was_due() -> None:
    stalled: list[int] = []

    def stall(progress: Progress) -> None:
        if progress.phase is Phase.CONNECT and not stalled:
            stalled.append(progress.processes[1])
            os.kill(stalled[0], signal.SIGSTOP)
        elif stalled:
            os.kill(stalled[0], signal.SIGCONT)

    proof = prove(Load(connections=1000, processes=1, rate=2000), observe=stall)
    assert proof.ok
    # All but one have to wait for their time, and a busy machine may keep them longer.
    assert figure(proof, "connect.rate") <= 2000 * 1000 / 999
    # Stopped for a tick of a tenth of a second: its connects took no time, yet came late.
    late = {
        one.parameters["quantile"]: one.measured
        for one in proof.measurements
        if one.name == "connect.latency"
    }
    assert (late[1.0] or 0) > 0.05
    assert (late[0.9] or 0) > 0.01


@pytest.mark.parametrize("payload", [8, 100_000, 1 << 20])
@pytest.mark.parametrize("family", [Family.INET, Family.UNIX])
def test_messages_of_any_size_come_back_while_the_rest_is_idle(
    payload: int, family: Family
) -> None:
    load = Load(connections=100, family=family, messages=2, active=0.25, payload=payload, hold=0.05)
    proof = prove(load)
    assert proof.ok
    assert proof.counters["TcpExt.TCPMemoryPressures"] == 0
    talk = {"phase": "hold", "payload": payload, "active": 0.25}
    (rate,) = [one for one in proof.measurements if one.parameters == talk]
    assert (rate.name, (rate.measured or 0) > 0) == ("echo.rate", True)


def test_messages_fit_through_the_smallest_buffers() -> None:
    for key in ("tcp_rmem", "tcp_wmem"):
        (SYSCTLS / "ipv4" / key).write_text("4096 4096 4096")
    assert prove(Load(connections=4, messages=1, payload=200_000)).ok


def test_a_server_that_stops_reading_messages_loses_its_connections_only() -> None:
    load = Load(connections=400, processes=2, messages=200, hold=1, patience=4, timeout=60)
    proof = prove(load, observe=killing(Phase.HOLD, a_server, signal.SIGSTOP))
    assert accounted(proof)
    assert proof.proved == 200
    assert (Phase.HOLD, "ETIMEDOUT") in causes(proof)


@pytest.mark.parametrize("phase", list(Phase)[:-1])
def test_an_interrupt_by_a_handler_says_where_it_came(phase: Phase) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.phase is phase:
            raise Interrupted(signal.SIGINT)

    proof = prove(Load(connections=1000, hold=0.2), observe=interrupt)
    assert (proof.interrupted, proof.ended_in, proof.ok) == (signal.SIGINT, phase, False)
    assert accounted(proof)
    assert causes(proof) <= {(phase, "interrupted")}
    assert proof.obstacle is None


def test_an_interrupt_by_a_handler_says_how_far_it_came() -> None:
    def interrupt(progress: Progress) -> None:
        if progress.phase is Phase.HOLD:
            raise Interrupted(signal.SIGTERM)

    proof = prove(Load(connections=1000, hold=30), observe=interrupt)
    assert (proof.opened, proof.proved, proof.rounds) == (1000, 1000, 1)
    assert (proof.interrupted, proof.ended_in, proof.ok) == (signal.SIGTERM, Phase.HOLD, False)
    assert proof.time_wait_left == 0


def test_a_killed_server_is_named() -> None:
    load = Load(connections=1000, processes=2, hold=0.2)
    proof = prove(load, observe=killing(Phase.HOLD, a_server, signal.SIGKILL))
    assert proof.obstacle is not None
    assert proof.obstacle.limit == "killed"
    assert [(one.cause, one.count) for one in proof.faults] == [("killed", 1)]


def test_one_connection_is_enough() -> None:
    assert prove(Load(connections=1)).ok


def test_the_backlog_is_what_somaxconn_allows() -> None:
    (SYSCTLS / "core/somaxconn").write_text("77")
    assert prove(Load(connections=10)).backlog == 77


def test_the_processes_run_as_nobody_and_hold_nothing_of_ours() -> None:
    users, held = set(), set()

    def look(progress: Progress) -> None:
        for pid in progress.processes if progress.phase is Phase.HOLD else ():
            status = Path(f"/proc/{pid}/status").read_text().splitlines()
            fields = dict(line.split(":\t", 1) for line in status if ":\t" in line)
            users.add((fields["Uid"], fields["Gid"], fields["Groups"].strip()))
            held.update(descriptors(pid))

    with Path("/etc/hostname").open():
        prove(Load(connections=100, hold=0.2), observe=look)
    assert users == {("\t".join(["65534"] * 4), "\t".join(["65534"] * 4), "")}
    assert held == {"/dev/null", "anon_inode", "socket"}


def test_a_soft_limit_of_64_is_raised_in_the_processes_only() -> None:
    _, hard = limits()
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    proof = prove(Load(connections=2000))
    assert proof.ok
    assert limits() == (64, hard)


def test_a_hard_limit_too_low_is_refused_with_what_it_takes() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
    with pytest.raises(ProbeRefused) as caught:
        prove(Load(connections=1000, processes=2))
    assert str(caught.value) == (
        "rlimit.nofile: 500 connections in one process take 549 descriptors, its limit is 200; "
        "ulimit -n 549, or 7 processes"
    )


def test_a_low_hard_limit_takes_more_processes() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
    proof = prove(Load(connections=1000))
    assert proof.ok
    assert proof.servers >= 4


def test_a_port_range_of_100_is_enough_for_thousands() -> None:
    (SYSCTLS / "ipv4/ip_local_port_range").write_text("40000 40099")
    proof = prove(Load(connections=2000))
    assert proof.ok
    assert proof.listeners >= 2000 / 50


def test_a_range_that_is_all_reserved_names_the_ports() -> None:
    (SYSCTLS / "ipv4/ip_local_port_range").write_text("40000 40009")
    (SYSCTLS / "ipv4/ip_local_reserved_ports").write_text("40001-40009")
    proof = prove(Load(connections=20, processes=1))
    assert not proof.ok
    assert accounted(proof)
    assert proof.obstacle is not None
    assert proof.obstacle.limit == "net.ipv4.ip_local_port_range"


@pytest.mark.slow
def test_an_accept_queue_of_4_is_named_when_a_thousand_at_once_overflow_it() -> None:
    """They arrive before the server gets to run, which it is kept from here."""
    (SYSCTLS / "core/somaxconn").write_text("4")
    load = Load(connections=1000, processes=1, rate=1_000_000, patience=4, timeout=60)
    proof = prove(load, observe=killing(Phase.CONNECT, a_server, signal.SIGSTOP))
    assert accounted(proof)
    assert (proof.opened, proof.proved) == (5, 0)
    assert proof.counters["TcpExt.ListenOverflows"] > 0
    assert proof.obstacle is not None
    assert proof.obstacle.limit == "net.core.somaxconn"
    assert proof.obstacle.remedy == "sysctl -w net.core.somaxconn=65535"


def killing(phase: Phase, which: Callable[[Progress], int], number: int) -> Callable[..., None]:
    """An observer that sends one process a signal when a phase begins."""
    done: list[int] = []

    def observe(progress: Progress) -> None:
        if progress.phase is phase and not done:
            done.append(which(progress))
            os.kill(done[0], number)

    return observe


def a_server(progress: Progress) -> int:
    return progress.processes[0]


def a_client(progress: Progress) -> int:
    return progress.processes[1]


@pytest.mark.parametrize(
    ("phase", "who"),
    [
        (Phase.START, a_server),
        *(
            (phase, who)
            for phase in (Phase.CONNECT, Phase.PROVE, Phase.HOLD, Phase.PROVE_AGAIN)
            for who in (a_server, a_client)
        ),
    ],
)
def test_a_process_killed_is_reported_and_the_others_go_on(
    phase: Phase, who: Callable[[Progress], int]
) -> None:
    load = Load(connections=1000, processes=2, hold=0.2)
    proof = prove(load, observe=killing(phase, who, signal.SIGKILL))
    assert accounted(proof)
    assert proof.proved == 500
    assert not proof.ok
    assert proof.obstacle is not None


@pytest.mark.parametrize("who", [a_server, a_client])
def test_a_process_killed_while_closing_takes_nothing_back(who: Callable[[Progress], int]) -> None:
    load = Load(connections=1000, processes=2)
    proof = prove(load, observe=killing(Phase.CLOSE, who, signal.SIGKILL))
    assert (proof.proved, proof.ok, proof.time_wait_left) == (1000, True, 0)


def test_a_killed_client_is_named() -> None:
    load = Load(connections=1000, processes=2, hold=0.2)
    proof = prove(load, observe=killing(Phase.HOLD, a_client, signal.SIGKILL))
    assert proof.lost == (Lost(phase=Phase.PROVE_AGAIN, cause="killed", count=500),)
    assert proof.obstacle is not None
    assert proof.obstacle.limit == "killed"


@pytest.mark.slow
def test_a_server_that_stops_reading_loses_its_connections_only() -> None:
    load = Load(connections=1000, processes=2, hold=0.2, patience=4, timeout=60)
    proof = prove(load, observe=killing(Phase.HOLD, a_server, signal.SIGSTOP))
    assert accounted(proof)
    assert (proof.proved, proof.opened) == (500, 1000)


@pytest.mark.parametrize("phase", list(Phase)[:-1])
def test_an_interrupt_ends_every_process(phase: Phase) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.phase is phase:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        prove(Load(connections=1000, hold=0.2), observe=interrupt)


@pytest.mark.parametrize("phase", list(Phase)[:-1])
def test_the_load_ends_with_its_parent(phase: Phase) -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:

        def tell(progress: Progress) -> None:
            if progress.phase is phase:
                os.write(writer, " ".join(map(str, progress.processes)).encode())
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            prove(Load(connections=1000, processes=2, hold=0.2), observe=tell)
        finally:
            os._exit(1)
    os.close(writer)
    shards = [int(word) for word in os.read(reader, 4096).split()]
    os.close(reader)
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    # Clients are started when all servers listen.
    assert len(shards) == (2 if phase is Phase.START else 4)
    for shard in shards:
        wait_for_end(shard)


def wait_for_end(pid: int) -> None:
    """Wait for a process that is not a child of ours."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    ended = poll.poll(10_000)
    os.close(watched)
    assert ended


def test_a_run_out_of_time_says_so() -> None:
    proof = prove(Load(connections=1000, hold=30, timeout=0.4))
    assert not proof.ok
    assert accounted(proof)
    assert {cause for _, cause in causes(proof)} == {"timeout"}
    assert proof.obstacle == Obstacle(
        limit="timeout",
        reason="the load took longer than the 0.4 s that it may",
        remedy="--timeout 0.8",
    )


def test_an_unknown_user_is_refused() -> None:
    with pytest.raises(UsageError, match="no user named 'nobody-here'"):
        prove(Load(connections=1, user="nobody-here"))


def test_more_memory_than_allowed_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(ProbeRefused, match=r"connections take about \d+ MiB of kernel memory"):
        prove(Load(connections=5000, max_memory_share=1e-6))


def test_a_stranger_on_a_server_does_no_harm() -> None:
    strangers: list[socket.socket] = []

    def intrude(progress: Progress) -> None:
        if progress.phase is Phase.HOLD and not strangers:
            table = Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]
            local = next(line.split()[1] for line in table if line.split()[3] == "0A")
            address = socket.inet_ntoa(int(local[:8], 16).to_bytes(4, "little"))
            strangers.append(socket.create_connection((address, int(local[9:], 16)), 5))
            strangers[0].sendall(b"GET / HTTP/1.0\r\n\r\n")

    proof = prove(Load(connections=300, hold=0.3), observe=intrude)
    strangers[0].close()
    assert proof.proved == 300
    assert [(one.cause, one.count) for one in proof.faults] == [("wrong token", 1)]
