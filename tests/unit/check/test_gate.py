"""Waivers, leniency and policy: what becomes of what the checks found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from tests.support.gate import facts, told
from tests.unit.engine.builders import at
from tunekit.api.gating import preflight, until_it_passes
from tunekit.check import gate
from tunekit.check.model import Finding, Status
from tunekit.check.policy import Policy, exit_code
from tunekit.errors import ExitCode, NamespaceError, ProfileError, TunekitError, UsageError
from tunekit.profile.model import Waiver
from tunekit.report.model import Report

TODAY = date(2027, 3, 1)
WAIVER = Waiver(
    check="settings",
    subject="net.core.somaxconn",
    reason="moves in March",
    expires=TODAY,
    location=at(20),
)


def finding(status: Status) -> Finding:
    return Finding(check="settings", status=status, subject="x")


@pytest.mark.parametrize(
    ("statuses", "codes"),
    [
        ([], (0, 0, 0)),
        ([Status.PASS, Status.SKIP, Status.WAIVED], (0, 0, 0)),
        ([Status.WARN], (1, 0, 0)),
        ([Status.UNKNOWN], (1, 3, 0)),
        ([Status.WARN, Status.UNKNOWN], (1, 3, 0)),
        ([Status.FAIL], (1, 1, 1)),
        ([Status.FAIL, Status.UNKNOWN], (1, 1, 1)),
    ],
)
def test_a_policy_makes_an_exit_code(statuses: list[Status], codes: tuple[int, int, int]) -> None:
    found = [finding(status) for status in statuses]

    policies = (Policy.STRICT, Policy.DEFAULT, Policy.LENIENT)
    assert tuple(int(exit_code(found, policy)) for policy in policies) == codes


def test_an_expired_waiver_waives_nothing_and_fails() -> None:
    given = facts(readings={"net.core.somaxconn": "128"})
    expired = replace(WAIVER, expires=date(2027, 2, 28))
    given = replace(given, profile=replace(given.profile, waivers=(expired,)))

    found = gate.run(given, gate.choose(only=["settings", "waivers"]), TODAY)

    assert [row.status for row in found] == [Status.FAIL, Status.FAIL]
    assert told(found[1]) == (
        "waivers settings: net.core.somaxconn: fail\n"
        "expected: a waiver that has not expired\n"
        "observed: expired on 2027-02-28\n"
        "why: it was waived because: moves in March\n"
        "remedy: mend what it waives and remove it, or give it a new date in p.yaml:20\n"
        "at: p.yaml:20"
    )
    lenient = gate.run(given, gate.choose(only=["waivers"], warn=["waivers"]), TODAY)
    assert [row.status for row in lenient] == [Status.WARN]
    skipped = gate.run(given, gate.choose(only=["waivers"], skip=["waivers"]), TODAY)
    assert [row.status for row in skipped] == [Status.SKIP]


def test_a_waiver_touches_neither_what_passes_nor_another_subject() -> None:
    given = facts()
    waivers = (WAIVER, replace(WAIVER, check="limits", subject="rlimit.nproc"))
    given = replace(given, profile=replace(given.profile, waivers=waivers))

    assert {row.status for row in gate.run(given, gate.choose(only=["settings"]), TODAY)} == {
        Status.PASS
    }
    low = replace(given, arriving=facts(nofile="64 64").arriving)
    (row,) = gate.run(low, gate.choose(only=["limits"]), TODAY)
    assert (row.status, row.waiver) == (Status.FAIL, "")


@pytest.mark.parametrize("option", ["only", "skip", "warn"])
def test_a_check_that_there_is_not_is_refused(option: str) -> None:
    with pytest.raises(UsageError) as caught:
        gate.choose(**{option: ["settinks"]})
    assert str(caught.value) == f"--{option}: no check 'settinks'; did you mean settings?"


def test_a_waiver_of_a_check_that_there_is_not_is_refused_with_its_line() -> None:
    names = ("konnection", "colour", "waivers")
    waivers = (WAIVER, *(replace(WAIVER, check=name) for name in names))

    with pytest.raises(ProfileError) as caught:
        preflight(replace(facts().profile, waivers=waivers))
    first, second, third = map(str, caught.value.problems)
    assert first.startswith("p.yaml:20: waivers: no check 'konnection'; ")
    assert second.startswith("p.yaml:20: waivers: no check 'colour'; the checks are settings, ")
    assert third == (
        "p.yaml:20: waivers: a waiver cannot be waived; give the one that expired a new date"
    )


@pytest.mark.parametrize(
    "options", [{"only": ["probe"]}, {"only": ["settings"], "skip": ["settings"]}]
)
def test_a_gate_that_asks_nothing_is_refused(options: dict[str, list[str]]) -> None:
    with pytest.raises(UsageError) as caught:
        preflight(facts().profile, **options)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "no check is left to ask; leave out --only or --skip; the check probe takes --probe, too"
    )


class Waiting:
    """A clock that only waiting moves, and a host that comes up after some time."""

    def __init__(self, *, up_at: float, takes: float = 0.0) -> None:
        self.now = 0.0
        self.up_at = up_at
        self.takes = takes
        self.notes: list[str] = []
        self.asked: list[float] = []

    def attempt(self) -> Report:
        self.asked.append(self.now)
        self.now += self.takes
        ready = self.asked[-1] >= self.up_at
        return Report(
            command="preflight",
            exit_code=ExitCode.OK if ready else ExitCode.NO,
            verdict="ready" if ready else f"{'two' if self.asked[-1] < 3 else 'one'} failed",
        )

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def run(self, wait: float, interval: float) -> Report:
        clock: Callable[[], float] = lambda: self.now  # noqa: E731
        return until_it_passes(
            self.attempt,
            wait=wait,
            interval=interval,
            note=self.notes.append,
            clock=clock,
            pause=self.pause,
        )


def test_without_waiting_it_is_asked_once() -> None:
    host = Waiting(up_at=1)

    assert host.run(0, 2).exit_code is ExitCode.NO
    assert (host.asked, host.notes) == ([0], [])


def test_it_is_asked_until_it_passes_and_each_change_is_told_once() -> None:
    host = Waiting(up_at=7)

    assert host.run(60, 2).verdict == "ready"
    assert host.asked == [0, 2, 4, 6, 8]
    assert host.notes == ["waiting: two failed", "waiting: one failed"]


def test_what_is_not_there_yet_is_waited_for() -> None:
    host = Waiting(up_at=4)
    answer = host.attempt

    def attempt() -> Report:
        if host.now < 3:
            host.asked.append(host.now)
            raise NamespaceError("no network namespace named 'blue'")
        return answer()

    host.attempt = attempt  # type: ignore[method-assign]
    assert host.run(10, 2).verdict == "ready"
    assert host.notes == ["waiting: no network namespace named 'blue'"]


def test_what_never_comes_is_an_error_and_wrong_usage_is_one_at_once() -> None:
    host = Waiting(up_at=0)
    errors: list[TunekitError] = [NamespaceError("none"), UsageError("wrong")]

    def attempt() -> Report:
        host.asked.append(host.now)
        raise errors[0]

    host.attempt = attempt  # type: ignore[method-assign]
    with pytest.raises(NamespaceError):
        host.run(3, 2)
    assert host.asked == [0, 2, 3]
    errors.pop(0)
    with pytest.raises(UsageError):
        host.run(3, 2)
    assert host.asked == [0, 2, 3, 3]


def test_when_the_time_is_up_the_last_answer_counts() -> None:
    host = Waiting(up_at=100, takes=0.5)

    assert host.run(5, 2).verdict == "one failed"
    assert host.asked == [0, 2.5, 5.0]
