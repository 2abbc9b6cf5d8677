"""A profile in the form of another tool."""

from __future__ import annotations

from dataclasses import replace

from tunekit import catalog
from tunekit.api.session import summary, take_snapshot
from tunekit.catalog.containers import is_containers_own
from tunekit.catalog.model import Direction, Tunable
from tunekit.errors import InvalidValue, UsageError
from tunekit.files.exchange import LeftOut
from tunekit.files.export import Bundle, Exported, Target, export
from tunekit.files.export.model import Bound, FieldWish, Item, LimitItem
from tunekit.kernel.snapshot import Snapshot
from tunekit.profile import flow
from tunekit.profile.evaluate import value_of
from tunekit.profile.model import Limit, Mode, Profile, Requirement, Setting
from tunekit.profile.requirement import meet_all
from tunekit.profile.writing import limit_entry, setting_entry
from tunekit.report.model import Listing, Report
from tunekit.values import Numbers, written_form

_BOUNDS = {Mode.EXACTLY: Bound.EXACTLY, Mode.AT_LEAST: Bound.AT_LEAST, Mode.AT_MOST: Bound.AT_MOST}


def export_profile(profile: Profile, target: Target) -> Report:
    """Write a profile for another tool, as this host resolves it. Writes no file.

    `text` is the file. What the tool cannot be told is listed, each with its line, in the report,
    in its notes and at the end of the file. Raises UsageError when the tool can be told nothing.
    """
    exported = _exported(profile, target)
    rows = tuple((left.place, left.what, left.why) for left in exported.left_out)
    return Report(
        command="profile export",
        profile=summary(profile),
        text=exported.text,
        listings=(Listing(title="not carried over", columns=("place", "what", "why"), rows=rows),),
        notes=tuple(f"not carried over: {left}" for left in exported.left_out),
    )


def _exported(profile: Profile, target: Target) -> Exported:
    snapshot = take_snapshot(profile, for_writing=False)
    left_out: list[LeftOut] = []
    items = []
    for setting in profile.settings:
        try:
            items.append(_item(setting, snapshot))
        except InvalidValue as error:
            place = str(setting.location)
            left_out.append(LeftOut(place=place, what=str(setting.key), why=error.message))
    bundle = Bundle(
        name=profile.name,
        summary=profile.summary,
        items=tuple(items),
        limits=tuple(map(_limit, profile.limits)),
        connections=profile.probe.connections if profile.probe else None,
        allow=tuple(sorted(map(str, profile.allow))),
    )
    if target is Target.SYSTEMD and not bundle.limits:
        raise UsageError(
            f"{profile.name} has no limits, and a unit holds nothing else of a profile",
            key="--to systemd",
            hint="use --to sysctl.d for its settings",
        )
    exported = export(bundle, target)
    return replace(exported, left_out=(*left_out, *exported.left_out))


def _item(setting: Setting, snapshot: Snapshot) -> Item:
    name = str(setting.key)
    tunable = catalog.find(setting.key)
    if tunable is not None and tunable.secret:
        raise InvalidValue("a secret, which no file of another tool should hold")
    value, fields = _wanted(setting, tunable, snapshot)
    return Item(
        key=setting.key,
        value=value,
        demand=flow.written(setting_entry(setting)),
        fields=fields,
        choices=setting.prefer,
        unlimited=tuple(sorted(tunable.unlimited)) if tunable else (),
        optional=setting.optional,
        reason=setting.reason,
        source=setting.source,
        own=is_containers_own(name, tunable),
        place=str(setting.location),
    )


def _wanted(
    setting: Setting, tunable: Tunable | None, snapshot: Snapshot
) -> tuple[str, tuple[FieldWish, ...]]:
    """The value for a tool that only writes, and the wish for each field of numbers."""
    if setting.prefer:
        known = snapshot.choices.get(setting.key, {})
        return next((name for name in setting.prefer if name in known), setting.prefer[-1]), ()
    first = setting.requirements[0].wanted
    if not isinstance(first, tuple):
        return written_form(meet_all(first, setting.requirements, tunable)).strip("\n"), ()
    return _numbers(setting, first, tunable, snapshot)


def _numbers(
    setting: Setting, first: tuple[int | None, ...], tunable: Tunable | None, snapshot: Snapshot
) -> tuple[str, tuple[FieldWish, ...]]:
    start = first
    if None in first:
        # A file of another tool has a number for each field: this host's where one is kept.
        text = snapshot.text(setting.key)
        if text is None:
            raise InvalidValue("some of its fields are kept, and this host does not show them")
        present = value_of(str(setting.key), text)
        assert isinstance(present, Numbers)
        start = tuple(h if w is None else w for h, w in zip(present.fields, first, strict=True))
    numbers = Numbers(tuple(number for number in start if number is not None))
    value = written_form(meet_all(numbers, setting.requirements, tunable))
    strictest = setting.requirements[0] if len(setting.requirements) == 1 else None
    if strictest is None:
        return value, tuple(FieldWish(bound=Bound.EXACTLY, number=n) for n in numbers.fields)
    return value, tuple(
        _wish(strictest, number, tunable, index) for index, number in enumerate(first)
    )


def _wish(
    requirement: Requirement, number: int | None, tunable: Tunable | None, index: int
) -> FieldWish:
    if number is None:
        return FieldWish(bound=Bound.KEEP)
    bound = _BOUNDS[requirement.mode]
    fields = tunable.fields if tunable else ()
    downward = bool(fields) and fields[min(index, len(fields) - 1)].direction is Direction.DOWN
    if downward and bound is not Bound.EXACTLY:
        # The low end of a range is more generous when it is a smaller number.
        bound = Bound.AT_MOST if bound is Bound.AT_LEAST else Bound.AT_LEAST
    return FieldWish(bound=bound, number=number)


def _limit(limit: Limit) -> LimitItem:
    wanted = limit.requirements[0].wanted
    assert isinstance(wanted, tuple)
    soft, hard = (None if number == -1 else number for number in wanted)
    return LimitItem(
        name=limit.name,
        bound=_BOUNDS[limit.requirements[0].mode],
        soft=soft,
        hard=hard,
        demand=flow.written(limit_entry(limit), prose=True),
        reason=limit.reason,
        place=str(limit.location),
    )
