"""An entry of a profile on one line, as a comment in another tool's file carries it:

{at_least: [keep, keep, 33554432], optional: true}
"""

from __future__ import annotations

from collections.abc import Mapping

from tunekit.errors import InvalidValue
from tunekit.profile.model import Mode
from tunekit.profile.problems import UNSAFE
from tunekit.profile.writing import Entry, demand, scalar

_MODES = (*(mode.value for mode in Mode), "prefer")
_LONGEST = 10_000


def written(entry: Entry, *, prose: bool = False) -> str:
    """Write what an entry asks for; `prose` adds its reason and its source."""
    parts = [f"{mode}: {demand(mode, texts)}" for mode, texts in entry.demands]
    parts += ["optional: true"] * entry.optional
    for field, text in (("reason", entry.reason), ("source", entry.source)):
        if prose and text:
            parts.append(f"{field}: {scalar(text, listed=True)}")
    return f"{{{', '.join(parts)}}}"


def read(name: str, text: str) -> Entry:
    """Read what `written` wrote. Raises InvalidValue for anything else."""
    fields = _mapping(text)
    demands = tuple((mode, _texts(fields[mode])) for mode in _MODES if mode in fields)
    if not demands or any(not texts for _, texts in demands):
        raise InvalidValue("says nothing that is wanted", hint="remove the comment")
    return Entry(
        name=name,
        demands=demands,
        optional=fields.get("optional") == "true",
        reason=_prose(fields.get("reason")),
        source=_prose(fields.get("source")),
    )


def _mapping(text: str) -> Mapping[str, object]:
    import yaml

    if len(text) > _LONGEST or UNSAFE.search(text) or "&" in text.split('"', 1)[0]:
        raise InvalidValue("not what tunekit writes there", hint="remove the comment")
    try:
        # Every scalar stays a text, and no tag makes anything of one.
        found = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidValue("not what tunekit writes there", hint="remove the comment") from error
    if not isinstance(found, dict):
        raise InvalidValue("not what tunekit writes there", hint="remove the comment")
    return found


def _texts(found: object) -> tuple[str, ...]:
    items = found if isinstance(found, list) else [found]
    return tuple(item for item in items if isinstance(item, str))


def _prose(found: object) -> str:
    return found if isinstance(found, str) else ""
