"""A server and its clients, each on its own: what is proved, what is refused, what is left."""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.services import SECRET, Server, serving
from tunekit.errors import ProbeRefused, UsageError
from tunekit.kernel import counters
from tunekit.probe.load import Load, Phase, Progress
from tunekit.probe.remote import wire
from tunekit.probe.remote.aim import Aim
from tunekit.probe.remote.loading import Agreement, RemoteProof, prove
from tunekit.probe.remote.model import Endpoint, Service
from tunekit.probe.remote.serving import serve
from tunekit.probe.remote.wire import Keys, Share

PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def sockets() -> tuple[int, int]:
    found = counters.sockstat()
    return found["TCP.inuse"], found["TCP.tw"]


def children() -> list[str]:
    return Path("/proc/thread-self/children").read_text().split()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    before = sockets(), children(), descriptors()
    yield
    assert (sockets(), children(), descriptors()) == before


def load(
    server: Server,
    connections: int,
    *,
    observe: Callable[[Progress], None] | None = None,
    secret: bytes = SECRET,
    sources: tuple[str, ...] = (),
    **options: Any,
) -> RemoteProof:
    options = {"patience": 5.0, "timeout": 40.0, **options}
    return prove(
        Aim(
            load=Load(connections=connections, **options),
            targets=(server.endpoint,),
            sources=sources,
            secret=secret,
        ),
        observe=observe,
    )


def at(phase: Phase, action: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """An observer that does something once, when a phase begins."""
    done: list[Phase] = []

    def observe(progress: Progress) -> None:
        if progress.phase is phase and not done:
            done.append(phase)
            action(progress)

    return observe


def stranger(server: Server) -> socket.socket:
    return socket.create_connection(server.endpoint.pair, 5)


def hung_up(one: socket.socket) -> bool:
    """Wait until the server has ended a connection."""
    one.settimeout(30)
    try:
        while one.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


def room_for(server: Server, connections: int) -> RemoteProof:
    """Prove connections as soon as the server has room for them."""
    until = time.monotonic() + 30
    while True:
        try:
            return load(server, connections)
        except ProbeRefused as error:
            if time.monotonic() > until or "has room for" not in error.message:
                raise


def test_two_thousand_connections_are_proved_twice_and_both_sides_say_so() -> None:
    with serving() as server:
        found = load(server, 2000, hold=0.05)
        served = server.stop()
    assert found.ok
    assert (found.proof.opened, found.proof.proved, found.proof.rounds) == (2000, 2000, 2)
    assert found.proof.lost == ()
    assert found.proof.user == "nobody"
    assert found.proof.time_wait_left == 0
    assert set(found.proof.counters.values()) == {0}
    assert found.agreements == (
        Agreement(target=server.endpoint, asked=2000, here=2000, there=2000, both=2000),
    )
    assert [(one.asked, one.proved, one.complete) for one in served.sessions] == [
        (2000, 2000, True)
    ]
    assert (served.greeted, served.echoed, served.strangers) == (2000, 4000, {})
    assert (served.accepted, served.killed, served.refused) == (2001, 0, 0)


def test_ipv6_connections_are_proved() -> None:
    with serving("[::1]:0") as server:
        found = load(server, 300)
    assert found.ok
    assert found.agreements[0].both == 300


def test_without_a_secret_loopback_is_served() -> None:
    with serving(secret=b"") as server:
        assert load(server, 100, secret=b"").ok


def test_an_address_off_loopback_takes_a_secret() -> None:
    service = Service(listen=(Endpoint(address="0.0.0.0", port=0),))
    with pytest.raises(UsageError) as caught:
        serve(service, ready=lambda _: None, stopped=lambda: True)
    assert str(caught.value) == (
        "0.0.0.0:0 can be reached from other hosts, and any of them could load this one; give "
        "--token-file FILE, and the same file to the clients"
    )


def test_the_workers_are_nobody() -> None:
    with serving() as server:
        users = {Path(f"/proc/{pid}").stat().st_uid for pid in server.workers()}
    assert users == {65534}


@pytest.mark.parametrize("secret", [b"", b"another secret than theirs"])
def test_a_wrong_secret_is_refused_and_counted(secret: bytes) -> None:
    with serving() as server:
        with pytest.raises(ProbeRefused) as caught:
            load(server, 100, secret=secret)
        served = server.stop()
    what = "this token" if secret else "clients without a token"
    assert str(caught.value) == (
        f"{server.endpoint} does not accept {what}; give --token-file with the file that "
        "`tunekit serve` was given there, or none if it was given none"
    )
    assert (served.strangers, served.sessions) == ({"wrong token": 1}, ())


GARBAGE = {
    "a web browser": b"GET / HTTP/1.0\r\n\r\n",
    "zeroes": bytes(64),
    "a flood": b"x" * 100_000,
    "another version": b"tk2O" + bytes(16),
    "an answer": wire.CHALLENGE + bytes(16),
    "an opening and more": wire.OPENING + bytes(16) + b"garbage",
    "a greeting of no session": Keys(key=b"k").greeting(77, 0),
    "a long greeting": wire.GREETING + bytes(60),
}


@pytest.mark.parametrize("said", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_dropped_and_counted_and_does_no_harm(said: bytes) -> None:
    with serving() as server:
        with closing(stranger(server)) as one:
            with suppress(ConnectionError):
                one.sendall(said)
            assert hung_up(one)
        assert load(server, 200).ok
        served = server.stop()
    assert served.strangers == {"garbage": 1}


def test_garbage_while_a_client_is_served_does_no_harm() -> None:
    strangers: list[socket.socket] = []
    with serving() as server:

        def intrude(_: Progress) -> None:
            for _ in range(50):
                strangers.append(stranger(server))
                strangers[-1].sendall(os.urandom(64))

        found = load(server, 500, hold=0.2, observe=at(Phase.HOLD, intrude))
        assert all(hung_up(one) for one in strangers)
        served = server.stop()
    for one in strangers:
        one.close()
    assert found.ok
    assert sum(served.strangers.values()) == 50


@pytest.mark.parametrize("said", [b"", b"t", wire.OPENING, wire.GREETING + bytes(5)])
def test_whoever_says_too_little_is_dropped_in_time(said: bytes) -> None:
    with serving(patience=0.4) as server:
        with closing(stranger(server)) as one:
            one.sendall(said)
            assert hung_up(one)
        served = server.stop()
    assert served.strangers == {"stalled": 1}


def test_half_a_handshake_is_dropped_in_time() -> None:
    with serving(patience=0.4) as server:
        with closing(stranger(server)) as one:
            one.sendall(wire.opening(bytes(16)))
            assert one.recv(20)[:4] == wire.CHALLENGE
            assert hung_up(one)
        served = server.stop()
    assert served.strangers == {"stalled": 1}


def test_a_handshake_in_single_bytes_is_understood() -> None:
    with serving() as server, closing(stranger(server)) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for each in wire.opening(bytes(16)):
            one.send(bytes([each]))
        keys = Keys.agree(SECRET, bytes(16), wire.nonce_of(wire.CHALLENGE, one.recv(20)))
        one.sendall(keys.request(Share(connections=5, shards=1)))
        assert keys.read_answer(one.recv(64)) == (wire.Answer.YES, 1, 0)


def test_a_place_can_be_taken_once() -> None:
    with serving() as server, closing(stranger(server)) as control:
        control.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        control.sendall(wire.opening(bytes(16)))
        keys = Keys.agree(SECRET, bytes(16), wire.nonce_of(wire.CHALLENGE, control.recv(20)))
        control.sendall(keys.request(Share(connections=5, shards=1)))
        control.recv(64)
        first, second, beyond = (stranger(server) for _ in range(3))
        first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        token = (keys.nonce + 1) % (1 << 24) << 40
        first.sendall(keys.greeting(1, 0) + token.to_bytes(8, "big"))
        assert first.recv(8) == token.to_bytes(8, "big")
        second.sendall(keys.greeting(1, 0))
        beyond.sendall(keys.greeting(1, 5))
        assert hung_up(second)
        assert hung_up(beyond)
        for one in (first, second, beyond):
            one.close()


def test_more_than_max_connections_is_refused_before_anything_is_opened() -> None:
    with serving(max_connections=100) as server:
        with pytest.raises(ProbeRefused) as caught:
            load(server, 101)
        assert load(server, 100).ok
        served = server.stop()
    assert str(caught.value) == (
        f"serve --max-connections: {server.endpoint} has room for 100 connections more, not for "
        "101; ask for at most 100"
    )
    assert (served.turned_away, served.greeted) == (1, 100)


def test_a_worker_that_is_full_leaves_the_rest_to_the_others() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
    with serving(max_connections=1000) as server:
        found = load(server, 1000)
        workers = len(server.workers())
        served = server.stop()
    assert found.ok
    assert workers == 4
    assert (served.greeted, served.refused, served.strangers) == (1000, 0, {})


def test_clients_are_told_apart_and_share_the_room() -> None:
    refused: list[str] = []
    with serving(max_connections=500) as server:

        def second(_: Progress) -> None:
            assert load(server, 200, hold=0.3).ok
            with pytest.raises(ProbeRefused) as caught:
                load(server, 301)
            refused.append(caught.value.hint)

        assert load(server, 200, hold=0.3, observe=at(Phase.HOLD, second)).ok
        served = server.stop()
    assert refused[0].startswith("ask for at most ")
    assert [(one.asked, one.proved) for one in served.sessions] == [(200, 200), (200, 200)]
    assert served.peak == 400


def test_the_room_of_a_killed_client_is_given_back() -> None:
    with serving(max_connections=500) as server:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:

            def told(_: Progress) -> None:
                os.write(writer, b"x")

            try:
                load(server, 500, hold=30, timeout=60, observe=at(Phase.HOLD, told))
            finally:
                os._exit(1)
        os.read(reader, 1)
        os.close(reader)
        os.close(writer)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert room_for(server, 500).ok
        served = server.stop()
    assert [(one.asked, one.proved) for one in served.sessions] == [(500, 500), (500, 500)]


@pytest.mark.parametrize("phase", [Phase.CONNECT, Phase.PROVE, Phase.HOLD, Phase.CLOSE])
def test_an_interrupted_client_leaves_nothing(phase: Phase) -> None:
    def interrupt(_: Progress) -> None:
        signal.raise_signal(signal.SIGINT)

    with serving(max_connections=500) as server:
        with pytest.raises(KeyboardInterrupt):
            load(server, 500, hold=0.2, observe=at(phase, interrupt))
        assert room_for(server, 500).ok


@pytest.mark.parametrize("phase", [Phase.CONNECT, Phase.HOLD])
def test_a_killed_server_is_reported_as_such(phase: Phase) -> None:
    with serving() as server:
        pids = server.workers()
        found = load(server, 1000, hold=5, patience=3.0, observe=at(phase, lambda _: server.kill()))
        for pid in pids:
            wait_for_end(pid)
    assert not found.ok
    assert found.proof.proved == 0
    assert sum(one.count for one in found.proof.lost) == 1000
    assert found.agreements[0].there is None
    assert found.proof.obstacle is not None
    assert found.proof.obstacle.limit == "server"


def wait_for_end(pid: int) -> None:
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([watched], [], [], 60)[0]
    os.close(watched)


def test_a_killed_worker_loses_its_connections_and_no_others() -> None:
    with serving() as server:

        def kill(_: Progress) -> None:
            os.kill(server.workers()[0], signal.SIGKILL)

        found = load(server, 1000, hold=0.5, patience=3.0, observe=at(Phase.HOLD, kill))
        assert load(server, 100).ok
        assert len(server.workers()) == 2
        served = server.stop()
    assert not found.ok
    assert sum(one.count for one in found.proof.lost) == 1000 - found.proof.proved
    assert served.killed == 1


def test_a_service_ends_when_its_time_is_over() -> None:
    with serving(seconds=0.2) as server:
        served = server.result()
    assert served.seconds >= 0.2


def test_a_client_outlasts_the_end_of_the_service() -> None:
    with serving(seconds=3.0) as server:
        found = load(server, 200, hold=10)
        served = server.result()
    assert found.proof.proved == 0
    assert [(one.asked, one.proved, one.complete) for one in served.sessions] == [(200, 200, False)]


def test_each_source_has_all_ports_to_itself() -> None:
    PORT_RANGE.write_text("40000 40099")
    with serving("127.0.0.1:7077") as server:
        one = load(server, 150, sources=("127.0.0.5",), patience=4)
        both = load(server, 150, sources=("127.0.0.5", "127.0.0.6"))
    assert one.proof.obstacle is not None
    assert one.proof.obstacle.limit == "net.ipv4.ip_local_port_range"
    assert 90 <= one.proof.proved <= 100
    assert both.ok


def test_a_source_of_another_host_is_refused() -> None:
    with serving() as server, pytest.raises(ProbeRefused) as caught:
        load(server, 10, sources=("192.0.2.77",))
    assert str(caught.value) == (
        f"{server.endpoint} cannot be used: cannot assign requested address; a --source must be an "
        "address of this host: see `ip address`"
    )


def test_nobody_there_is_said() -> None:
    with serving() as server:
        server.stop()
        with pytest.raises(ProbeRefused) as caught:
            load(server, 10)
    assert str(caught.value) == (
        f"{server.endpoint} cannot be used: connection refused; start `tunekit serve --listen "
        f"{server.endpoint}` there"
    )


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9.2\r\n", b"tk1C" + bytes(16) + bytes(99), b""])
def test_another_program_there_is_said(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        pid = os.fork()
        if pid == 0:
            try:
                one, _ = listener.accept()
                one.sendall(said)
                while one.recv(4096):
                    pass
            finally:
                os._exit(0)
        endpoint = Endpoint(address="127.0.0.1", port=listener.getsockname()[1])
        with pytest.raises(ProbeRefused) as caught:
            load(Server(pid, endpoint, -1), 10, timeout=0.3)
        os.waitpid(pid, 0)
    assert str(caught.value).startswith(
        f"{endpoint} is no `tunekit serve`" if said else f"{endpoint} cannot be used: "
    )
