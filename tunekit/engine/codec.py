"""Claims as text in the journal, and back: what comes back is checked like a profile.

A journal is a file; whoever could change it could otherwise have root write anything anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tunekit import catalog
from tunekit.catalog.validate import needs_allow
from tunekit.engine.model import ScopeId, ScopeKind, Subject
from tunekit.errors import InvalidKey, InvalidValue, StateError
from tunekit.kernel.rlimits import NAMES
from tunekit.profile.evaluate import RLIMIT_PREFIX, value_of
from tunekit.profile.model import Mode, Requirement
from tunekit.values import Kind, Numbers, Ports, SysctlKey, Text, parse

MAX_TEXT = 1 << 20


def encode(requirements: Iterable[Requirement]) -> str:
    """Requirements as JSON text."""
    return json.dumps([{"mode": r.mode.value, **_wanted(r)} for r in requirements])


def _wanted(requirement: Requirement) -> dict[str, Any]:
    wanted = requirement.wanted
    if isinstance(wanted, tuple):
        # Texts: 2**63-1 does not survive a float in another reader.
        return {"numbers": [None if number is None else str(number) for number in wanted]}
    if isinstance(wanted, Ports):
        return {"ports": str(wanted)}
    return {"text": wanted.text}


def decode(text: str) -> tuple[Requirement, ...]:
    """Requirements from JSON text. Raises StateError for anything else."""
    try:
        return tuple(_requirement(item) for item in json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, InvalidValue) as error:
        raise _damaged("a claim cannot be read") from error


def _requirement(item: dict[str, Any]) -> Requirement:
    mode = Mode(item["mode"])
    if "numbers" in item:
        wanted = tuple(None if number is None else int(number) for number in item["numbers"])
        return Requirement(mode=mode, wanted=wanted)
    if "ports" in item:
        ports = parse(item["ports"], Kind.PORTS)
        assert isinstance(ports, Ports), ports
        return Requirement(mode=mode, wanted=ports)
    return Requirement(mode=mode, wanted=Text(_plain(item["text"])))


def texts(text: str) -> Any:
    """Names, or names and texts, from JSON text. Raises StateError for anything else."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _damaged("a list of names cannot be read") from error
    if isinstance(found, dict):
        items = [*found, *found.values()]
    else:
        items = found if isinstance(found, list) else [found]
    if not isinstance(found, dict | list) or not all(isinstance(item, str) for item in items):
        raise _damaged("a list of names cannot be read")
    return found


def subject(kind: str, identity: str, name: str) -> Subject:
    """A subject from its columns. Raises StateError when it names nothing that may be written."""
    try:
        ScopeKind(kind)
        if kind == ScopeKind.PROCESS.value:
            if name.removeprefix(RLIMIT_PREFIX) not in NAMES:
                raise ValueError(name)
            [int(part) for part in identity.split("/")[1:]]
        else:
            SysctlKey.parse(name)
    except (ValueError, InvalidKey) as error:
        raise _damaged(f"{name!r} in scope {kind!r} is not a value that tunekit sets") from error
    return Subject(ScopeId(kind, identity), name)


def value_text(name: str, text: str) -> str:
    """A value's text as it came from the journal.

    Raises StateError unless it is a value of the key's type, with as many fields as the key has.
    Its range is the kernel's to judge: it may have been there before tunekit ever was.
    """
    try:
        value = value_of(name, _plain(text))
    except (InvalidValue, ValueError) as error:
        raise _damaged(f"a value of {name} cannot be read") from error
    tunable = catalog.find(name)
    if tunable is not None:
        if isinstance(value, Numbers) and len(value.fields) != len(tunable.fields):
            raise _damaged(f"a value of {name} has {len(value.fields)} fields")
        if tunable.max_length is not None and len(text) > tunable.max_length:
            raise _damaged(f"a value of {name} is longer than {tunable.max_length} characters")
    return text


def refuse_unless_allowed(
    target: Subject, *, allowed: frozenset[str], movers: Iterable[str]
) -> None:
    """Refuse to write what a profile could not have written either.

    A key that can hurt needs the leave that its transaction was given, for itself or for one of
    the `movers`, the keys of the transaction whose writes move it. Raises StateError.
    """
    if target.scope.is_process or target.name in allowed:
        return
    key = SysctlKey.parse(target.name)
    if needs_allow(key, catalog.find(key), None) is None:
        return
    for name in movers:
        mover = catalog.find(name)
        patterns = (*mover.moves, mover.exclusive) if mover is not None else ()
        if name in allowed and any(pattern and key.matches(pattern) for pattern in patterns):
            return
    raise _damaged(f"it would write {target.name}, which its transaction was not allowed to")


def _plain(text: str) -> str:
    if len(text) > MAX_TEXT or any(ord(char) < 32 and char != "\t" for char in text):
        raise ValueError("control characters")
    return text


def _damaged(what: str) -> StateError:
    return StateError(
        f"the journal is damaged: {what}",
        hint="move the journal away and set the keys by hand; `tunekit history` shows them",
    )
