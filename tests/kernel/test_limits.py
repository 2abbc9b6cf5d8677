"""The limits of real processes: set, read back, and refused by the rule that was broken."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunekit.errors import InvalidValue, ReadFailed
from tunekit.kernel.readings import Cause, Denied, Missing, Value
from tunekit.kernel.refusals import WriteRefused
from tunekit.kernel.rlimits import NAMES, ProcessLimits, read_start_time


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def refusal(limits: ProcessLimits, text: str, name: str = "nofile") -> WriteRefused:
    with pytest.raises(WriteRefused) as caught:
        limits.write(name, text)
    return caught.value


def test_every_limit_reads_as_the_kernel_shows_it() -> None:
    rows = Path("/proc/self/limits").read_text().splitlines()[1:]
    shown = {tuple(row[26:].replace("unlimited", "-1").split()[:2]) for row in rows}
    for name in NAMES:
        reading = ProcessLimits().read(name)
        assert isinstance(reading, Value)
        assert tuple(reading.text.split()) in shown


def test_a_limit_of_a_running_process_changes_at_once(sleeper: subprocess.Popen[bytes]) -> None:
    limits = ProcessLimits(sleeper.pid)
    limits.write("nofile", "100 200")
    assert limits.read("nofile") == Value("100 200")
    assert (
        "Max open files            100                  200"
        in Path(f"/proc/{sleeper.pid}/limits").read_text()
    )
    limits.write("nofile", "50")
    assert limits.read("nofile") == Value("50 50")


def test_unlimited_is_minus_one(sleeper: subprocess.Popen[bytes]) -> None:
    limits = ProcessLimits(sleeper.pid)
    before = resource.prlimit(sleeper.pid, resource.RLIMIT_CPU)
    assert before == (-1, -1)
    limits.write("cpu", "-1 -1")
    assert limits.read("cpu") == Value("-1 -1")


def test_a_soft_limit_above_the_hard_one_is_refused() -> None:
    error = refusal(ProcessLimits(), "51 50")
    assert (error.cause, error.errno) == (Cause.OUT_OF_RANGE, errno.EINVAL)
    assert str(error) == (
        "rlimit.nofile: the soft limit 51 is above the hard limit 50; "
        "raise the hard limit too, or lower the soft one"
    )


@pytest.mark.parametrize(
    ("asked", "shown"), [("999999999999", "999999999999"), ("-1", "unlimited")]
)
def test_a_hard_limit_above_nr_open_is_refused_for_root_too(asked: str, shown: str) -> None:
    ceiling = Path("/proc/sys/fs/nr_open").read_text().strip()
    error = refusal(ProcessLimits(), f"100 {asked}")
    assert (error.cause, error.errno) == (Cause.OUT_OF_RANGE, errno.EPERM)
    assert str(error) == (
        f"rlimit.nofile: the hard limit {shown} is above fs.nr_open = {ceiling}; "
        "raise fs.nr_open first, or ask for less; root is bound by it too"
    )


def test_raising_the_hard_limit_without_the_capability_is_refused() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))
    os.seteuid(65534)
    try:
        error = refusal(ProcessLimits(), "100 300")
    finally:
        os.seteuid(0)
    assert (error.cause, error.errno) == (Cause.NOT_PERMITTED, errno.EPERM)
    assert str(error) == (
        "rlimit.nofile: raising the hard limit from 200 to 300 needs CAP_SYS_RESOURCE; "
        "run as root on the host, or let the container's runtime raise it"
    )


def test_somebody_elses_process_is_told_as_such(sleeper: subprocess.Popen[bytes]) -> None:
    limits = ProcessLimits(sleeper.pid)
    os.setresuid(65534, 65534, 0)
    try:
        reading = limits.read("nofile")
        error = refusal(limits, "100 100")
    finally:
        os.setresuid(0, 0, 0)
    assert reading == Denied(Cause.NOT_PERMITTED, errno.EPERM)
    assert error.cause is Cause.NOT_PERMITTED
    assert str(error) == (
        f"rlimit.nofile: process {sleeper.pid} belongs to somebody else; run as its user or as root"
    )


def test_a_process_that_has_ended_is_told_as_such(sleeper: subprocess.Popen[bytes]) -> None:
    limits = ProcessLimits(sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    assert limits.read("nofile") == Missing()
    assert str(refusal(limits, "100 100")) == (
        f"rlimit.nofile: process {sleeper.pid} has ended; nothing to do: its limits ended with it"
    )
    with pytest.raises(ReadFailed) as caught:
        ProcessLimits(sleeper.pid)
    assert str(caught.value) == f"pid {sleeper.pid}: no such process; see ps -e"


def test_another_process_with_the_same_id_is_not_touched(sleeper: subprocess.Popen[bytes]) -> None:
    limits = ProcessLimits(sleeper.pid)
    limits.start_time -= 1
    before = resource.prlimit(sleeper.pid, resource.RLIMIT_NOFILE)
    assert limits.read("nofile") == Missing()
    assert refusal(limits, "100 100").cause is Cause.MISSING
    assert resource.prlimit(sleeper.pid, resource.RLIMIT_NOFILE) == before


def test_a_name_with_blanks_and_parentheses_does_not_hide_the_start_time() -> None:
    started = read_start_time()
    Path("/proc/self/comm").write_text("a) R (b c")
    assert read_start_time() == started
    assert read_start_time(os.getpid()) == started


@pytest.mark.parametrize("text", ["", "x", "1 2 3", "-2", "1.5", "unlimited"])
def test_what_is_no_limit_is_an_error(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        ProcessLimits().write("nofile", text)
    assert str(caught.value) == (
        f"rlimit.nofile: {text!r} is not a soft and a hard limit; "
        "write two numbers, -1 for unlimited"
    )


def test_lowering_below_an_open_descriptor_is_allowed_and_keeps_it() -> None:
    high = 150
    os.dup2(1, high)
    ProcessLimits().write("nofile", "100 200")
    os.fstat(high)
    os.close(high)


def test_a_zombie_still_has_its_identity() -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert ProcessLimits(process.pid).start_time >= (read_start_time() or 0)
    process.wait()
    assert process.returncode == 0
