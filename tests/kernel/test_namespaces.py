"""Acting in another network namespace: results, errors and signals cross, nothing else does."""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import fence
from tunekit.errors import ChildEnded, Location, NamespaceError, ReadFailed, TunekitError
from tunekit.kernel import host, namespaces
from tunekit.kernel.sysctl import Sysctls
from tunekit.values import SysctlKey

SOMAXCONN = SysctlKey.parse("net.core.somaxconn")


@pytest.fixture
def other() -> Iterator[int]:
    """A process in a network namespace of its own, named `blue`; gives its id."""
    ready, said = os.pipe()
    pid = os.fork()
    if pid == 0:
        fence.unshare_network()
        fence.name_network("blue")
        os.write(said, b"x")
        signal.pause()
        os._exit(0)
    os.close(said)
    assert os.read(ready, 1) == b"x"
    yield pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.fixture(params=["name", "pid"])
def spec(request: pytest.FixtureRequest, other: int) -> str:
    return "blue" if request.param == "name" else str(other)


def test_a_function_acts_in_the_other_namespace_and_not_here(spec: str) -> None:
    here = namespaces.cookie()
    before = Sysctls().read(SOMAXCONN)

    def act() -> tuple[int, object]:
        Sysctls().write(SOMAXCONN, "123")
        return namespaces.cookie(), Sysctls().read(SOMAXCONN)

    there, value = namespaces.call_in(spec, act)
    assert str(value) == "Value(text='123')"
    assert there not in (0, here)
    assert namespaces.cookie() == here
    assert Sysctls().read(SOMAXCONN) == before


def test_what_is_set_there_stays_until_the_next_call(spec: str) -> None:
    namespaces.call_in(spec, lambda: Sysctls().write(SOMAXCONN, "123"))
    assert str(namespaces.call_in(spec, lambda: Sysctls().read(SOMAXCONN))) == "Value(text='123')"


def test_entering_moves_this_process(spec: str) -> None:
    there = namespaces.call_in(spec, namespaces.cookie)
    namespaces.enter(spec)
    assert namespaces.cookie() == there
    assert host.identity().netns_cookie == there


def test_an_error_crosses_with_its_fields(other: int) -> None:
    error = ReadFailed(
        "gone", hint="look", key="a.b", path="/x", errno=5, location=Location(file="f", line=3)
    )

    def fail() -> None:
        raise error

    with pytest.raises(ReadFailed) as caught:
        namespaces.call_in("blue", fail)
    assert vars(caught.value) == vars(error)
    assert str(caught.value) == "f:3: a.b: gone; look"


def test_a_mistake_crosses_with_the_traceback_of_the_child(other: int) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        namespaces.call_in("blue", lambda: 1 // 0)
    (note,) = caught.value.__notes__
    assert note.startswith("in the child process:\nTraceback (most recent call last):")
    assert note.endswith("ZeroDivisionError: integer division or modulo by zero\n")


def test_an_exit_crosses_as_one(other: int) -> None:
    with pytest.raises(SystemExit) as caught:
        namespaces.call_in("blue", lambda: sys.exit(7))
    assert caught.value.code == 7


def test_a_result_that_cannot_cross_is_named(other: int) -> None:
    with pytest.raises(TypeError, match=r"^<function .*> cannot be pickled: "):
        namespaces.call_in("blue", lambda: lambda: None)


def test_a_long_result_crosses_whole(other: int) -> None:
    assert namespaces.call_in("blue", lambda: b"x" * 5_000_000) == b"x" * 5_000_000


def test_a_killed_child_is_an_error_also_when_its_own_child_lives_on(other: int) -> None:
    held, holder = os.pipe()

    def leave_one_behind() -> None:
        if os.fork() == 0:
            # Holds the result's pipe open until the test ends.
            os.close(holder)
            os.read(held, 1)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ChildEnded) as caught:
        namespaces.call_in("blue", leave_one_behind)
    os.close(holder)
    assert str(caught.value) == (
        "the child process ended before it was done: killed by SIGKILL; "
        "if it was writing, `tunekit history` shows it and `tunekit rollback` undoes it"
    )


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT], ids=str
)
def test_a_signal_reaches_the_child_once_and_its_answer_comes_back(
    number: signal.Signals, other: int
) -> None:
    parent = os.getpid()

    def wait_for_it() -> list[int]:
        seen: list[int] = []
        wakeup, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.signal(number, lambda got, _: seen.append(got))
        signal.set_wakeup_fd(writer)
        os.kill(parent, number)
        assert os.read(wakeup, 1) == bytes([number])
        # A second one would already be pending.
        assert not select.select([wakeup], [], [], 0)[0]
        return seen

    before = signal.getsignal(number)
    assert namespaces.call_in("blue", wait_for_it) == [number]
    assert signal.getsignal(number) == before


def test_a_signal_that_kills_the_child_does_to_us_what_it_would_have_done(other: int) -> None:
    seen: list[int] = []
    parent = os.getpid()
    signal.signal(signal.SIGHUP, lambda got, _: seen.append(got))

    def die_of_it() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.kill(parent, signal.SIGHUP)
        signal.pause()

    with pytest.raises(ChildEnded, match="killed by SIGHUP"):
        namespaces.call_in("blue", die_of_it)
    assert seen == [signal.SIGHUP]


def test_the_child_is_told_to_end_when_we_are_killed(other: int) -> None:
    ended, said = os.pipe()

    def note_the_end() -> None:
        def end(number: int, _frame: object) -> None:
            os.write(said, signal.Signals(number).name.encode())
            os._exit(0)

        signal.signal(signal.SIGTERM, end)
        os.kill(os.getppid(), signal.SIGKILL)
        signal.pause()

    caller = os.fork()
    if caller == 0:
        namespaces.call_in("blue", note_the_end)
        os._exit(0)
    os.close(said)
    assert os.waitstatus_to_exitcode(os.waitpid(caller, 0)[1]) == -signal.SIGKILL
    assert os.read(ended, 64) == b"SIGTERM"


def test_what_the_child_prints_is_printed_once(other: int) -> None:
    script = (
        "from tunekit.kernel import namespaces\n"
        "print('before', end=' ')\n"
        "namespaces.call_in('blue', lambda: print('inside', end=' '))\n"
        "print('after')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "before inside after\n"


def nothing() -> None:
    raise AssertionError("must not be called")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "red",
            "/run/netns/red: no network namespace named 'red'; see `ip netns list`; containers' "
            "namespaces have no name there: give the id of a process in it",
        ),
        ("4194305", "no process 4194305; see ps -e, or give a name"),
        (
            "../../etc/passwd",
            "'../../etc/passwd' is not a network namespace; "
            "give a name that `ip netns list` shows, or a process id",
        ),
        (
            "",
            "'' is not a network namespace; "
            "give a name that `ip netns list` shows, or a process id",
        ),
    ],
)
def test_a_namespace_that_is_not_there_is_named_with_what_to_do(spec: str, message: str) -> None:
    with pytest.raises(NamespaceError) as caught:
        namespaces.call_in(spec, nothing)
    assert str(caught.value) == message


def test_a_file_left_over_from_a_namespace_is_told_as_such() -> None:
    Path("/run/netns/stale").touch()
    with pytest.raises(NamespaceError) as caught:
        namespaces.call_in("stale", nothing)
    assert caught.value.errno == errno.EINVAL
    assert str(caught.value) == (
        "/run/netns/stale: is not a network namespace; "
        "it is left over from one: `ip netns delete stale` removes it"
    )


def without_rights(call: Callable[[], object]) -> TunekitError:
    os.seteuid(65534)
    try:
        call()
    except TunekitError as error:
        return error
    finally:
        os.seteuid(0)
    raise AssertionError("was permitted")


def test_entering_without_the_right_to_is_told_as_such(other: int) -> None:
    assert str(without_rights(lambda: namespaces.enter("blue"))) == (
        "not permitted to enter the network namespace 'blue'; "
        "run as root; entering needs CAP_SYS_ADMIN here and in the namespace's owner"
    )
    assert str(without_rights(lambda: namespaces.enter(str(other)))) == (
        f"not permitted to look at the network namespace of process {other}; run as root"
    )
