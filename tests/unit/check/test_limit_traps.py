"""Limits that are set and still do harm: each is named with what mends it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tunekit.check import limit_traps
from tunekit.check.model import Finding, Status
from tunekit.files import limits_d
from tunekit.files.limits_d import Side
from tunekit.files.model import Origin
from tunekit.files.unit_limits import BadValue
from tunekit.kernel.accounts import Person
from tunekit.kernel.systemd import LoadedUnit

FILE = "/etc/security/limits.d/a.conf"
DROP_IN = "/etc/systemd/system/web.service.d/a.conf"
MILLION, HUGE = 1_048_576, 1_073_741_816
APP = Person(name="app", uid=1000, gid=1000, groups=frozenset({"app"}), gids=frozenset({1000}))


def whole(findings: Iterable[Finding]) -> list[tuple[Any, ...]]:
    return [
        (row.status, row.subject, f"{row.observed}: {row.reason}", row.remedy) for row in findings
    ]


def unit(soft: int, hard: int, *, unlimited: bool = False) -> dict[str, tuple[Side, Side]]:
    origin = Origin(file=DROP_IN, line=2)
    return {
        "nofile": (
            Side(value=soft, origin=origin),
            Side(value=hard, origin=origin, unlimited=unlimited),
        )
    }


def of_unit(
    limits: dict[str, tuple[Side, Side]], *, nr_open: int = MILLION, manager: int | None = MILLION
) -> list[tuple[Any, ...]]:
    return whole(
        limit_traps.of_unit(limits, (), unit="web.service", nr_open=nr_open, manager_hard=manager)
    )


def test_infinity_is_warned_of_where_nr_open_is_huge() -> None:
    assert of_unit(unit(HUGE, HUGE, unlimited=True), nr_open=HUGE, manager=HUGE) == [
        (
            Status.WARN,
            "rlimit.nofile",
            "infinity, which is fs.nr_open = 1073741816: a program that closes or allocates for "
            "every possible descriptor takes minutes, or all memory",
            "LimitNOFILE=1024:524288 in web.service",
        )
    ]
    assert of_unit(unit(MILLION, MILLION, unlimited=True)) == []


def test_a_hard_limit_above_nr_open_becomes_the_managers_or_stops_the_unit() -> None:
    assert of_unit(unit(1024, 2_000_000)) == [
        (
            Status.WARN,
            "rlimit.nofile",
            "2000000: systemd then sets its own hard limit, 1048576",
            f"sysctl -w fs.nr_open=2000000, or write at most 1048576 in {DROP_IN}:2",
        )
    ]
    assert of_unit(unit(1024, MILLION), nr_open=1_000_000) == [
        (
            Status.FAIL,
            "rlimit.nofile",
            "1048576: the unit does not start (status 205/LIMITS)",
            f"sysctl -w fs.nr_open=1048576, or write at most 1000000 in {DROP_IN}:2",
        )
    ]
    assert of_unit(unit(1024, MILLION)) == []


def test_a_value_that_systemd_passes_over_is_named() -> None:
    bad = BadValue(
        name="nofile", value="64k", why="not a number", origin=Origin(file=DROP_IN, line=3)
    )
    (row,) = limit_traps.of_unit({}, (bad,), unit="web.service", nr_open=MILLION, manager_hard=None)
    assert (row.status, row.observed) == (Status.WARN, "'64k': not a number")
    assert str(row.location) == f"{DROP_IN}:3"


def test_a_unit_that_changed_since_it_was_loaded_or_started_is_told() -> None:
    loaded = LoadedUnit(
        name="web.service",
        load="loaded",
        main_pid=4711,
        stale=True,
        limits={"nofile": (1024, 524_288)},
    )
    assert whole(limit_traps.of_loaded_unit(loaded, {"nofile": (1024, 4096)})) == [
        (
            Status.WARN,
            "web.service",
            "changed since: a restart gives the limits of before",
            "systemctl daemon-reload",
        ),
        (
            Status.WARN,
            "rlimit.nofile",
            "1024:4096: it started before the change, or has set its own",
            "systemctl restart web.service",
        ),
    ]


def of_session(text: str, *, nr_open: int = MILLION, debian: bool = True) -> list[tuple[Any, ...]]:
    lines = tuple(limits_d.parse(text, FILE))
    session = limits_d.session(lines, APP, {}, nr_open=nr_open, debian=debian)
    return whole(limit_traps.of_session(lines, session, nr_open=nr_open, debian=debian))


def test_unlimited_in_limits_d_is_warned_of() -> None:
    (row,) = of_session("app hard nofile unlimited\n")
    assert row[:2] == (Status.WARN, "rlimit.nofile")
    assert row[2].startswith("unlimited, taken for 1048576: Linux-PAM before 1.5.2 asks")
    assert row[3] == f"write a number in {FILE}:1"
    assert len(of_session("app hard nofile unlimited\n", nr_open=HUGE)) == 2


def test_a_hard_limit_above_nr_open_locks_people_out_but_not_on_debian() -> None:
    (there,) = of_session("app - nofile 2000000\n", debian=False)
    (here,) = of_session("app - nofile 2000000\n")
    assert there[0] is here[0] is Status.FAIL
    assert there[2].endswith("the kernel refuses it, and with it every login of this user")
    assert here[2].endswith("the session keeps the limits of what opens it")
    assert here[3] == f"sysctl -w fs.nr_open=2000000, or write at most 1048576 in {FILE}:1"


def test_a_line_that_is_passed_over_and_one_that_spares_are_named() -> None:
    assert of_session("app soft nofile\napp -\n") == [
        (
            Status.WARN,
            f"{FILE}:1",
            "app soft nofile: pam_limits passes over it: 3 words instead of a domain, a type, an "
            "item and a value",
            f"mend or remove {FILE}:1",
        ),
        (
            Status.WARN,
            "rlimit.nofile",
            "none is set: this line spares the user, whatever the others say",
            f"remove {FILE}:2",
        ),
    ]
