"""Running the checks of a gate: which are asked, what is waived, what is merely told. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import date
from difflib import get_close_matches
from typing import TYPE_CHECKING

from tunekit.check.model import Finding, Status
from tunekit.check.registry import CHECKS, EVERY, WAIVERS, Check, find
from tunekit.errors import ProfileError, UsageError
from tunekit.records import dataclass

if TYPE_CHECKING:
    from tunekit.check.facts import Facts
    from tunekit.profile.model import Waiver

_STOPPING = (Status.FAIL, Status.WARN, Status.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the caller wants of the checks, by name.

    `only` asks these alone (empty for all), `skip` leaves some out, and a finding of one in `warn`
    fails nothing.
    """

    only: frozenset[str] = frozenset()
    skip: frozenset[str] = frozenset()
    warn: frozenset[str] = frozenset()

    def asks(self, check: Check) -> bool:
        """Tell whether a check is to be run."""
        return self.will_ask(check.name)

    def will_ask(self, name: str) -> bool:
        """Tell whether the check of a name is to be run."""
        return name not in self.skip and (not self.only or name in self.only)


def choose(
    *, only: Collection[str] = (), skip: Collection[str] = (), warn: Collection[str] = ()
) -> Choice:
    """Make a choice from names. Raises UsageError for a check that there is not."""
    for option, names in (("--only", only), ("--skip", skip), ("--warn", warn)):
        for name in names:
            if find(name) is None:
                raise UsageError(f"no check {name!r}", key=option, hint=_near(name))
    return Choice(only=frozenset(only), skip=frozenset(skip), warn=frozenset(warn))


def check_waivers(waivers: Iterable[Waiver]) -> None:
    """Raise ProfileError for waivers of checks that there are not, each with its place.

    That a waiver has expired cannot be waived either.
    """
    problems = []
    for each in waivers:
        if each.check == WAIVERS.name:
            message, hint = "a waiver cannot be waived", "give the one that expired a new date"
        elif find(each.check) is None:
            message, hint = f"no check {each.check!r}", _near(each.check)
        else:
            continue
        problems.append(UsageError(message, key="waivers", hint=hint, location=each.location))
    if problems:
        raise ProfileError(problems)


def run(facts: Facts, choice: Choice, today: date) -> tuple[Finding, ...]:
    """Ask every chosen check but the proof, and apply waivers and leniency to what it finds.

    One that is skipped by name says so. A waiver that has expired is a failure of its own.
    """
    waivers = facts.profile.waivers
    found: list[Finding] = []
    for check in (*CHECKS, WAIVERS):
        if check.name in choice.skip:
            found.append(skipped(check))
        elif choice.asks(check):
            found += _expired(waivers, today) if check is WAIVERS else check.run(facts)
    return settle(found, choice, waivers, today)


def skipped(check: Check, why: str = "left out by --skip") -> Finding:
    """What stands for a check that was not asked."""
    return Finding(
        check=check.name, status=Status.SKIP, subject=check.name, observed=why, reason=check.asks
    )


def settle(
    findings: Iterable[Finding], choice: Choice, waivers: Collection[Waiver], today: date
) -> tuple[Finding, ...]:
    """Apply the profile's waivers, those that have not expired, and the caller's leniency."""
    current = [each for each in waivers if today <= each.expires]
    return tuple(_settled(finding, choice, current) for finding in findings)


def _settled(finding: Finding, choice: Choice, waivers: Iterable[Waiver]) -> Finding:
    if finding.status in _STOPPING:
        for each in waivers:
            if each.check == finding.check and each.subject in ("", finding.subject):
                text = f"waived until {each.expires}: {each.reason} ({each.location})"
                return replace(finding, status=Status.WAIVED, waiver=text)
    if finding.check in choice.warn and finding.status in (Status.FAIL, Status.UNKNOWN):
        return replace(finding, status=Status.WARN)
    return finding


def _expired(waivers: Iterable[Waiver], today: date) -> Iterator[Finding]:
    for each in [each for each in waivers if today > each.expires]:
        yield Finding(
            check=WAIVERS.name,
            status=Status.FAIL,
            subject=f"{each.check}: {each.subject}" if each.subject else each.check,
            expected="a waiver that has not expired",
            observed=f"expired on {each.expires}",
            reason=f"it was waived because: {each.reason}",
            remedy=f"mend what it waives and remove it, or give it a new date in {each.location}",
            location=each.location,
        )


def _near(name: str) -> str:
    names = [check.name for check in EVERY]
    near = get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"the checks are {', '.join(names)}"
