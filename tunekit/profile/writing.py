"""Writing a profile as YAML, so that the loader reads back the same profile."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tunekit.errors import InvalidValue
from tunekit.profile.model import Limit, Mode, Profile, Requirement, Setting, Waiver
from tunekit.profile.problems import UNSAFE, shown

# What YAML takes for a text as it stands: in braces a comma would end it.
_PLAIN = re.compile(r"-?[A-Za-z0-9/][\w./+%()*'-]*(?: [\w./+%()*'-]+)*\Z", re.ASCII)
_PLAIN_ALONE = re.compile(r"-?[A-Za-z0-9/][\w./+%()*',;-]*(?: [\w./+%()*',;-]+)*\Z", re.ASCII)
_MEANINGFUL = ("~", "null", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name below `sysctl` or `limits`.

    `demands` are pairs of a field (`at_least`, `prefer`, ...) and its texts, one a field of the
    key; a single text stands by itself. Texts may be expressions. `comment` is a line above.
    """

    name: str
    demands: tuple[tuple[str, tuple[str, ...]], ...]
    optional: bool = False
    reason: str = ""
    source: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A profile as it will be written. `remarks` are comment lines at its head and its end."""

    name: str
    summary: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[Entry, ...] = ()
    limits: tuple[Entry, ...] = ()
    connections: str = ""
    allow: tuple[str, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    head: tuple[str, ...] = ()
    foot: tuple[str, ...] = ()


def write(draft: Draft) -> str:
    """Write a profile. Raises InvalidValue for a text that no profile may hold."""
    return "".join(f"{line}\n" for line in _lines(draft))


def draft_of(profile: Profile, *, places: bool = False) -> Draft:
    """A resolved profile as a draft of one file without parents or expressions.

    `places` puts the file and line that each entry comes from above it.
    """
    return Draft(
        name=profile.name,
        summary=profile.summary,
        settings=tuple(setting_entry(each, place=places) for each in profile.settings),
        limits=tuple(limit_entry(each, place=places) for each in profile.limits),
        connections=str(profile.probe.connections) if profile.probe else "",
        allow=tuple(sorted(map(str, profile.allow))),
        waivers=profile.waivers,
    )


def setting_entry(setting: Setting, *, place: bool = False) -> Entry:
    """A resolved setting as an entry."""
    demands = tuple((each.mode.value, _texts(each)) for each in setting.requirements)
    return Entry(
        name=str(setting.key),
        demands=(("prefer", setting.prefer),) if setting.prefer else demands,
        optional=setting.optional,
        reason=setting.reason,
        source=setting.source,
        comment=str(setting.location) if place else "",
    )


def limit_entry(limit: Limit, *, place: bool = False) -> Entry:
    """A resolved limit as an entry."""
    demands = []
    for each in limit.requirements:
        texts = tuple("unlimited" if text == "-1" else text for text in _texts(each))
        demands.append((each.mode.value, texts[:1] if len(set(texts)) == 1 else texts))
    return Entry(
        name=limit.name,
        demands=tuple(demands),
        optional=limit.optional,
        reason=limit.reason,
        source=limit.source,
        comment=str(limit.location) if place else "",
    )


def _texts(requirement: Requirement) -> tuple[str, ...]:
    if isinstance(requirement.wanted, tuple):
        return tuple("keep" if number is None else str(number) for number in requirement.wanted)
    return (str(requirement.wanted),)


def _lines(draft: Draft) -> Iterator[str]:
    yield from _comments(draft.head)
    yield "tunekit: 1"
    yield f"name: {scalar(draft.name)}"
    if draft.summary:
        yield f"summary: {scalar(draft.summary)}"
    if draft.allow:
        yield f"allow: {_list(draft.allow)}"
    if draft.variables:
        yield from ("", "vars:")
        yield from (f"  {name}: {scalar(text)}" for name, text in draft.variables.items())
    for section, entries in (("sysctl", draft.settings), ("limits", draft.limits)):
        if entries:
            yield from ("", f"{section}:")
        for index, entry in enumerate(entries):
            if index and (entry.reason or entries[index - 1].reason):
                yield ""
            yield from _entry(entry)
    if draft.connections:
        yield from ("", "probe:", f"  connections: {scalar(draft.connections)}")
    if draft.waivers:
        yield from ("", "waivers:")
    for waiver in draft.waivers:
        yield f"  - check: {scalar(waiver.check)}"
        if waiver.subject:
            yield f"    subject: {scalar(waiver.subject)}"
        yield f"    reason: {scalar(waiver.reason)}"
        yield f'    expires: "{waiver.expires.isoformat()}"'
    if draft.foot:
        yield ""
        yield from _comments(draft.foot)


def _entry(entry: Entry) -> Iterator[str]:
    if entry.comment:
        yield from (f"  {line}" for line in _comments([entry.comment]))
    name = scalar(entry.name)
    described = entry.optional or entry.reason or entry.source
    if not described and [mode for mode, _ in entry.demands] == [Mode.EXACTLY.value]:
        yield f"  {name}: {_value(entry.demands[0][1])}"
        return
    yield f"  {name}:"
    for mode, texts in entry.demands:
        yield f"    {mode}: {demand(mode, texts)}"
    if entry.optional:
        yield "    optional: true"
    if entry.reason:
        yield f"    reason: {scalar(entry.reason)}"
    if entry.source:
        yield f"    source: {scalar(entry.source)}"


def _comments(lines: Sequence[str]) -> Iterator[str]:
    yield from (f"# {_checked(line)}".rstrip() for line in lines)


def demand(mode: str, texts: Sequence[str]) -> str:
    """The texts of one demand, as a list where there are several."""
    return _list(texts) if mode == "prefer" else _value(texts)


def _value(texts: Sequence[str]) -> str:
    return scalar(texts[0]) if len(texts) == 1 else _list(texts)


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(scalar(text, listed=True) for text in texts)}]"


def scalar(text: str, *, listed: bool = False) -> str:
    """A text as a YAML scalar, quoted where YAML would take it for something else."""
    plain = _PLAIN if listed else _PLAIN_ALONE
    if plain.match(_checked(text)) and text not in _MEANINGFUL:
        return text
    return json.dumps(text, ensure_ascii=False)


def _checked(text: str) -> str:
    if UNSAFE.search(text):
        raise InvalidValue(f"a control character in '{shown(text)}'", hint="remove it")
    return text
