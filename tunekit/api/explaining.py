"""What a tunable is: everything that is known of a key, a limit or a socket option."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tunekit import catalog
from tunekit.api.session import here, within
from tunekit.api.showing import read_key
from tunekit.catalog.model import Direction, Risk, Tier, Tunable
from tunekit.catalog.remarks import REMARKS
from tunekit.catalog.topics import TOPICS, Topic, find_topic
from tunekit.errors import ExitCode, InvalidKey, TunekitError, UsageError
from tunekit.kernel.defaults import kernel_defaults
from tunekit.profile.evaluate import RLIMIT_PREFIX, shown
from tunekit.report.model import BootRow, Listing, Report
from tunekit.values import Kind, SysctlKey, is_glob

_TYPES = {Kind.PORTS: "a list of ports and ranges", Kind.TEXT: "a text"}


def explain(
    names: Sequence[str] = (), *, search: str | None = None, netns: str | None = None
) -> Report:
    """Say what is known of keys, limits and socket options, and what they are here and at boot.

    A name may be a key, a glob of the catalogue's keys, or what a limit or an option is called.
    Without names: the list of all, or of those with the word of `search` in them. Raises UsageError
    for a name that nobody knows, with the nearest. The exit code is 1 when a search finds nothing.
    """
    if not names:
        return _listed(search)
    return within(netns, lambda: _explained(names))


def _explained(names: Sequence[str]) -> Report:
    wanted = list(dict.fromkeys(each for name in names for each in _expanded(name)))
    keys = [key for each in wanted if (key := _key_of(each)) is not None]
    defaults = kernel_defaults(keys)
    boot = _boot(keys)
    return Report(
        command="explain",
        host=here(),
        data={"entries": [_entry(each, defaults, boot) for each in wanted]},
    )


def _listed(search: str | None) -> Report:
    found = [each for each in _everything() if search is None or _mentions(each, search)]
    rows = tuple((_name(each), each.summary) for each in found)
    title = f"{len(rows)} entries" if len(rows) != 1 else "1 entry"
    if search is not None:
        title += f" with {search!r}"
    if not rows:
        return Report(
            command="explain",
            exit_code=ExitCode.NO,
            host=here(),
            verdict=f"no entry has {search!r} in it",
            next_step="tunekit explain --list shows all",
            data={"entries": []},
        )
    return Report(
        command="explain",
        host=here(),
        listings=(Listing(title=title, columns=("name", "what it is"), rows=rows),),
        data={"entries": [_entry(each, {}, {}, live=False) for each in found]},
    )


def _everything() -> Iterator[Topic | Tunable]:
    yield from TOPICS
    taken = {topic.entry for topic in TOPICS}
    yield from sorted(
        (each for each in catalog.entries() if each.pattern not in taken),
        key=lambda each: each.pattern,
    )


def _mentions(each: Topic | Tunable, word: str) -> bool:
    """Tell whether each word of a search is somewhere in an entry."""
    if isinstance(each, Topic):
        texts = (*each.names, each.summary, each.text, *each.related)
    else:
        texts = (each.pattern, each.summary, each.replacement, REMARKS.get(each.pattern, ""))
    text = " ".join(texts).lower()
    return all(part in text for part in word.lower().split())


def _expanded(name: str) -> list[Topic | SysctlKey]:
    """What a name stands for. Raises UsageError for one that nobody knows."""
    if not name:
        raise UsageError("an empty argument", hint="name what to explain; is a variable unset?")
    topic = find_topic(name)
    if topic is not None:
        return [topic]
    if is_glob(name):
        from fnmatch import fnmatchcase

        found = [e for e in catalog.entries() if fnmatchcase(e.pattern, name.replace("/", "."))]
        if found:
            return [SysctlKey.parse(each.pattern) for each in found]
        raise UsageError("no entry matches", key=name, hint="see them with explain --list")
    if "." not in name and "/" not in name:
        raise InvalidKey("is not known", key=name, hint=_near(name))
    key = SysctlKey.parse(name)
    for each in TOPICS:
        if each.entry == str(key):
            return [each]
    if catalog.find(key) is None and read_key(key)[0] is None:
        raise InvalidKey(
            "is not known, and this kernel has no such key", key=name, hint=_near(name)
        )
    return [key]


def _near(name: str) -> str:
    from difflib import get_close_matches

    near = catalog.suggest(name)
    if not near:
        titles = [each for topic in TOPICS for each in topic.names]
        folded = {each.lower(): each for each in titles}
        near = tuple(folded[each] for each in get_close_matches(name.lower(), folded, n=1))
    if near:
        return f"did you mean {near[0]}?"
    return "search with explain --search WORD"


def _key_of(each: Topic | SysctlKey) -> SysctlKey | None:
    if isinstance(each, Topic):
        return SysctlKey.parse(each.entry) if each.entry else None
    return each


def _boot(keys: Sequence[SysctlKey]) -> Mapping[str, BootRow]:
    """What boot makes of keys; none where its files cannot be read."""
    from tunekit.api.booting import show_boot

    wanted = [
        key
        for key in keys
        if not str(key).startswith(RLIMIT_PREFIX) and "*" not in key.parts and not _is_gone(key)
    ]
    try:
        rows = show_boot(wanted).boot if wanted else ()
    except TunekitError:
        return {}
    return {row.key: row for row in rows}


def _is_gone(key: SysctlKey) -> bool:
    tunable = catalog.find(key)
    return tunable is not None and bool(tunable.removed)


def _name(each: Topic | Tunable) -> str:
    return each.names[0] if isinstance(each, Topic) else each.pattern


def _entry(
    each: Topic | SysctlKey | Tunable,
    defaults: Mapping[SysctlKey, str],
    boot: Mapping[str, BootRow],
    *,
    live: bool = True,
) -> dict[str, Any]:
    """All that is known, under the same names for every kind; what does not apply is empty or
    null.
    """
    if isinstance(each, Topic):
        return _of_topic(each, live=live)
    key = SysctlKey.parse(each.pattern) if isinstance(each, Tunable) else each
    tunable = each if isinstance(each, Tunable) else catalog.find(key)
    entry = _of_tunable(str(key), tunable)
    if live and "*" not in key.parts:
        entry |= _here(key, defaults, boot.get(str(key)))
    return entry


_EMPTY: dict[str, Any] = {
    "name": "",
    "also": [],
    "kind": "sysctl",
    "summary": "",
    "status": "",
    "type": "",
    "unit": "",
    "range": "",
    "unenforced": [],
    "special": "",
    "default": "",
    "kernel_default": None,
    "running": None,
    "why_not": "",
    "boot": None,
    "boot_source": "",
    "scope": "",
    "takes_effect": "",
    "related": [],
    "risk": "",
    "history": [],
    "instead": "",
    "source": "",
    "text": "",
}


def _of_topic(topic: Topic, *, live: bool) -> dict[str, Any]:
    base = _EMPTY
    if topic.entry:
        base = _entry(SysctlKey.parse(topic.entry), {}, {}, live=live)
    own = {
        "name": topic.names[0],
        "also": [*topic.names[1:], *([topic.entry] if topic.entry else [])],
        "kind": topic.kind,
        "summary": topic.summary,
        "type": topic.value,
        "unit": topic.unit,
        "range": topic.range,
        "default": topic.default,
        "scope": topic.scope,
        "takes_effect": topic.takes_effect,
        "related": list(topic.related),
        "risk": topic.risk,
        "history": list(topic.history),
        "source": topic.source,
        "text": topic.text,
    }
    return {**base, **{name: value for name, value in own.items() if value}}


def _of_tunable(name: str, tunable: Tunable | None) -> dict[str, Any]:
    if tunable is None:
        return {
            **_EMPTY,
            "name": name,
            "summary": "this kernel has it; no more is known of it",
        }
    return {
        **_EMPTY,
        "name": name,
        "kind": "resource limit" if name.startswith(RLIMIT_PREFIX) else "sysctl",
        "summary": tunable.summary,
        "status": _status(tunable),
        # What the file of a key was like that is gone helps nobody.
        "type": "" if tunable.removed else _type(tunable),
        "unit": tunable.unit,
        "range": _range(tunable),
        "unenforced": _unenforced(tunable),
        "special": _special(tunable),
        "default": tunable.default,
        "scope": "" if tunable.removed else tunable.scope.value,
        "takes_effect": tunable.takes_effect,
        "related": _related(name, tunable),
        "risk": _risk(tunable),
        "history": _history(tunable),
        "instead": tunable.replacement,
        "source": tunable.source,
        "text": REMARKS.get(tunable.pattern, ""),
    }


def _here(
    key: SysctlKey, defaults: Mapping[SysctlKey, str], boot: BootRow | None
) -> dict[str, Any]:
    """What a key is on this host, now, by itself and after boot."""
    name = str(key)
    value, state, _ = read_key(key)
    found: dict[str, Any] = {
        "running": None if value is None else shown(name, value),
        "why_not": state,
        "kernel_default": defaults.get(key),
    }
    if boot is not None:
        line = boot.decided_by
        found["boot"] = boot.boot
        found["boot_source"] = boot.reason
        if line is not None:
            found["boot_source"] = f"{line.file}:{line.line}" if line.line else line.file
    return found


def _status(tunable: Tunable) -> str:
    if tunable.tier is Tier.OBSOLETE:
        return f"gone since {tunable.removed}" if tunable.removed else "there, and nothing reads it"
    if tunable.tier is Tier.SECURITY:
        return "can hurt: a profile needs allow, and apply --allow"
    if tunable.tier is Tier.READ_ONLY:
        return "read-only"
    return "cannot be taken back before the next boot" if tunable.one_way else ""


def _type(tunable: Tunable) -> str:
    if tunable.kind is not Kind.NUMBERS:
        return _TYPES.get(tunable.kind, "a text")
    if len(tunable.fields) == 1:
        mode = tunable.fields[0].direction is Direction.NONE
        return "a number that chooses a mode" if mode else "a number"
    names = ", ".join(field.name for field in tunable.fields if field.name)
    return f"{len(tunable.fields)} numbers" + (f": {names}" if names else "")


def _range(tunable: Tunable) -> str:
    """The range of each field, or of all where it is the same."""
    texts = []
    for field in tunable.fields:
        low = "" if field.minimum is None else str(field.minimum)
        high = "" if field.maximum is None else str(field.maximum)
        texts.append(f"{low}..{high}" if low or high else "")
    if len(set(texts)) == 1:
        return texts[0]
    return ", ".join(f"{f.name} {text}" for f, text in zip(tunable.fields, texts, strict=True))


def _unenforced(tunable: Tunable) -> list[str]:
    """The bounds of the range that the kernel does not enforce, in words."""
    found = []
    for field in tunable.fields:
        name = f"{field.name}, " if field.name else ""
        if field.minimum is not None and field.lax.below:
            found.append(f"{name}a number below {field.minimum} is stored all the same")
        if field.maximum is not None and field.lax.above:
            found.append(f"{name}a number above {field.maximum} is stored all the same")
    return found


def _special(tunable: Tunable) -> str:
    parts = []
    if tunable.unlimited:
        parts.append(f"{' or '.join(map(str, sorted(tunable.unlimited)))} is no limit")
    down = [field.name or "number" for field in tunable.fields if field.direction is Direction.DOWN]
    if down:
        parts.append(f"a smaller {' and '.join(down)} is more generous")
    if tunable.ordered:
        parts.append("the numbers must not fall")
    if tunable.rounds:
        parts.append("the kernel may round it")
    if tunable.floor is not None:
        parts.append(f"less than {tunable.floor} is refused in a profile: it breaks the host")
    if tunable.module:
        parts.append(f"there once the module {tunable.module} is loaded")
    return "; ".join(parts)


def _related(name: str, tunable: Tunable) -> list[str]:
    """The keys that a key acts on or together with, each with how where that is known."""
    found = dict.fromkeys(tunable.related, "")
    for pattern in tunable.moves:
        if pattern != name:
            found[pattern] = "writing this changes it too"
    if tunable.exclusive:
        found[tunable.exclusive] = "writing this sets it to 0"
    for pair in catalog.INVARIANTS:
        (low, _), (high, _) = pair.low, pair.high
        if name in (low, high):
            found[high if name == low else low] = f"{low} may not be above {high}"
    return [f"{key} ({how})" if how else key for key, how in found.items()]


def _risk(tunable: Tunable) -> str:
    if tunable.risk is Risk.LOW and not tunable.risk_note:
        return ""
    return ": ".join(filter(None, (tunable.risk.value, tunable.risk_note)))


def _history(tunable: Tunable) -> list[str]:
    since = [f"since {tunable.since}"] if tunable.since else []
    removed = [f"removed in {tunable.removed}"] if tunable.removed else []
    return [*since, *tunable.history, *removed]
