"""Waivers in a profile: which check may fail, why, and for how long."""

from __future__ import annotations

from datetime import date

import pytest

from tunekit.errors import Location
from tunekit.profile.model import Waiver

START = "tunekit: 1\nwaivers:\n"


def test_a_waiver_is_read_with_its_place(loaded) -> None:
    profile = loaded(
        f"{START}"
        "  - check: conntrack\n"
        "    reason: >\n"
        "      the firewall's rules\n"
        "      go in March\n"
        "    expires: 2027-03-31\n"
        "  - {check: settings, subject: net.core.somaxconn, reason: old, expires: '2027-01-01'}\n"
    )

    assert profile.waivers == (
        Waiver(
            check="conntrack",
            reason="the firewall's rules go in March",
            expires=date(2027, 3, 31),
            location=Location(file="p.yaml", line=3),
        ),
        Waiver(
            check="settings",
            subject="net.core.somaxconn",
            reason="old",
            expires=date(2027, 1, 1),
            location=Location(file="p.yaml", line=8),
        ),
    )


def test_waivers_are_not_inherited(loaded, write) -> None:
    write("library/ground.yaml", f"{START}  - {{check: x, reason: y, expires: 2027-01-01}}\n")

    assert loaded("tunekit: 1\nextends: ground\n").waivers == ()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (
            "{check: x, expires: 2027-01-01}",
            "a waiver without 'reason'; say why it may fail",
        ),
        (
            "{check: x, reason: y}",
            "a waiver without 'expires'; write the last day that it is for, such as 2027-03-31",
        ),
        (
            "{reason: y, expires: 2027-01-01}",
            "a waiver without 'check'; name the check, as `tunekit preflight` shows it",
        ),
        (
            "{check: x, reason: y, expires: 2027-02-30}",
            "expires: '2027-02-30' is not a date; write year, month and day, such as 2027-03-31",
        ),
        (
            "{check: x, reason: y, expires: 20270331}",
            "expires: '20270331' is not a date; write year, month and day, such as 2027-03-31",
        ),
        (
            "{check: x, reason: y, expires: 2027-W13-3}",
            "expires: '2027-W13-3' is not a date; write year, month and day, such as 2027-03-31",
        ),
        ("{check: x, reason: y, until: 2027-01-01}", "unknown field 'until'; the fields are "),
        ("{check: x, reason: , expires: 2027-01-01}", "reason: no value; write one, "),
        ("text", "a mapping belongs here, not 'text'; "),
    ],
)
def test_a_bad_waiver_is_refused_with_its_line(refused, entry: str, problem: str) -> None:
    (found,) = refused(f"{START}  - {entry}\n")

    assert found.startswith(f"p.yaml:3: waivers: {problem}")


def test_waivers_are_a_list(refused) -> None:
    assert refused("tunekit: 1\nwaivers: {check: x}\n") == [
        "p.yaml:2: waivers: a list belongs here; write one '- check: NAME' a waiver"
    ]
