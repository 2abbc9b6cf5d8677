"""Which files give a profile's limits to services and sessions after a reboot. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from tunekit.check.limit_traps import HUGE
from tunekit.check.model import Finding, Status
from tunekit.errors import NotAllowed, ProfileError
from tunekit.files import texts
from tunekit.files.limits_d import Side
from tunekit.files.root import Root
from tunekit.files.texts import RANKS, SoftHard
from tunekit.files.unit_limits import built_in, read_unit
from tunekit.profile.evaluate import RLIMIT_PREFIX
from tunekit.profile.limits import limit_text, wanted_limit
from tunekit.profile.model import Limit, Profile
from tunekit.records import dataclass

_PAM = "/etc/security/limits.d/90-tunekit-"
_MANAGER = "/etc/systemd/system.conf.d/zz-tunekit-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beneficiaries:
    """For whom limits are kept: sessions through PAM, units, or every unit by default."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    manager: bool = False

    @property
    def is_nobody(self) -> bool:
        """Tell whether nobody is named."""
        return not (self.users or self.groups or self.units or self.manager)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the files are to be: `overlay` is seen in place of what is there, `nr_open` will be
    fs.nr_open after boot, `allow` names the limits that may hurt.
    """

    root: Path
    overlay: Mapping[str, str | None]
    slug: str
    undo: str
    nr_open: int
    allow: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitFiles:
    """The texts of the files by path, who wins in spite of them, and remarks."""

    texts: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def write(profile: Profile, whom: Beneficiaries, place: Place) -> LimitFiles:
    """Work out the files for a profile's limits.

    Raises ProfileError for limits that lock people out, unless they are allowed, and UsageError
    for a name that cannot stand in a file.
    """
    if whom.is_nobody:
        return LimitFiles(notes=_left_alone(profile))
    if not profile.limits:
        note = f"{profile.name} has no limits: --unit, --user, --group and --manager do nothing"
        return LimitFiles(notes=(note,))
    found: dict[str, str] = {}
    findings: list[Finding] = []
    notes = []
    sessions = _limits(profile, built_in(place.nr_open), place)
    domains = [texts.refuse_account(user) for user in whom.users]
    domains += [f"@{texts.refuse_account(group.removeprefix('@'))}" for group in whom.groups]
    if domains:
        lines = texts.pam_lines(domains, sessions)
        found[f"{_PAM}{place.slug}.conf"] = texts.document(profile.name, place.undo, lines)
    if whom.manager:
        lines = texts.unit_lines(sessions, manager=True)
        found[f"{_MANAGER}{place.slug}.conf"] = texts.document(profile.name, place.undo, lines)
    for unit in map(texts.refuse_unit, whom.units):
        path, text, left = _drop_in(profile, unit, place)
        found[path] = text
        findings += left
        notes.append(f"{unit} gets its limits when it starts again: systemctl daemon-reload first")
    return LimitFiles(texts=found, findings=tuple(findings), notes=tuple(notes))


def _left_alone(profile: Profile) -> tuple[str, ...]:
    if not profile.limits:
        return ()
    names = ", ".join(limit.name for limit in profile.limits)
    return (
        f"the limits of {profile.name} ({names}) are not kept: name who gets them, with "
        "--unit NAME, --user NAME or --group NAME",
    )


def _drop_in(profile: Profile, unit: str, place: Place) -> tuple[str, str, list[Finding]]:
    """The drop-in of a unit under the first name that wins, and the limits that even so do not
    arrive.
    """
    with Root(place.root, overlay=place.overlay) as root:
        present = read_unit(root, unit, nr_open=place.nr_open).limits
    limits = _limits(profile, present, place)
    text = texts.document(profile.name, place.undo, texts.unit_lines(limits))
    path, left = "", []
    for rank in RANKS:
        path = f"/etc/systemd/system/{unit}.d/{rank}{place.slug}.conf"
        with Root(place.root, overlay={**place.overlay, path: text}) as root:
            arriving = read_unit(root, unit, nr_open=place.nr_open).limits
        left = list(_overridden(profile, limits, arriving, unit))
        if not left:
            break
    return path, text, left


def _overridden(
    profile: Profile,
    limits: Sequence[SoftHard],
    arriving: Mapping[str, tuple[Side, Side]],
    unit: str,
) -> Iterator[Finding]:
    for limit, wanted in zip(limits, profile.limits, strict=True):
        soft, hard = arriving[limit.name]
        pairs = ((limit.soft, soft.value), (limit.hard, hard.value))
        # No limit is what fs.nr_open allows, for a unit.
        if all(meant in (-1, there) for meant, there in pairs):
            continue
        yield Finding(
            check="limits",
            status=Status.FAIL,
            subject=f"{RLIMIT_PREFIX}{limit.name}",
            expected=limit_text(wanted),
            observed=f"{soft.value} {hard.value}",
            reason=f"{unit} has it from {soft.origin}",
            remedy=f"change or remove the line in {soft.origin}",
            location=wanted.location,
        )


def _limits(
    profile: Profile, present: Mapping[str, tuple[Side, Side]], place: Place
) -> list[SoftHard]:
    limits = [_soft_hard(limit, present) for limit in profile.limits]
    problems = [
        problem for each in limits for problem in _refused(each, present.get(each.name), place)
    ]
    if problems:
        raise ProfileError(problems)
    return limits


def _soft_hard(limit: Limit, present: Mapping[str, tuple[Side, Side]]) -> SoftHard:
    """The limit nearest to the present one that the profile wants: `at least` lowers nothing."""
    sides = present.get(limit.name)
    known = [0 if side.value is None else side.value for side in sides] if sides else [0, 0]
    soft, hard = wanted_limit(" ".join(map(str, known)), limit).fields
    return SoftHard(name=limit.name, soft=soft, hard=hard, reason=limit.reason)


def _refused(
    limit: SoftHard, present: tuple[Side, Side] | None, place: Place
) -> Iterator[NotAllowed]:
    """Refuse what locks people out or makes programs loop, unless it is allowed."""
    name = RLIMIT_PREFIX + limit.name
    if name in place.allow:
        return
    if limit.hard < 0 or limit.soft < 0:
        what = "no limit at all makes programs loop over every descriptor or page that could be"
    elif limit.name == "nofile" and limit.hard > place.nr_open:
        what = (
            f"a hard limit of {limit.hard} is above fs.nr_open ({place.nr_open}), with which "
            "logins and services fail to start"
        )
    elif (endless := _endless(limit, present)) and place.nr_open > HUGE:
        what = (
            f"{endless.origin} has no limit, which is fs.nr_open ({place.nr_open}), and at least "
            "means no less; programs that loop over every descriptor take minutes"
        )
        yield NotAllowed(what, key=name, hint=f"put a number into that line, or add --allow {name}")
        return
    else:
        return
    yield NotAllowed(what, key=name, hint=f"ask for less, or add --allow {name}")


def _endless(limit: SoftHard, present: tuple[Side, Side] | None) -> Side | None:
    """The line without a limit from which this one is taken over."""
    for side, number in zip(present or (), (limit.soft, limit.hard), strict=False):
        if side.unlimited and side.value == number:
            return side
    return None
