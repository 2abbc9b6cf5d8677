"""The `waivers` of a profile: which check may fail, why, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from tunekit.profile.model import Waiver
from tunekit.profile.nodes import Node, Scalar, Sequence
from tunekit.profile.problems import shown

if TYPE_CHECKING:
    from tunekit.profile.statements import Reader

_KEY = "waivers"
_FIELDS = ("check", "subject", "reason", "expires")
_REQUIRED = {
    "check": "name the check, as `tunekit preflight` shows it",
    "reason": "say why it may fail",
    "expires": "write the last day that it is for, such as 2027-03-31",
}


def read(node: Node, reader: Reader) -> tuple[Waiver, ...]:
    """Take a list of waivers out of its node; what is wrong is noted by the reader.

    Which checks there are is not known here.
    """
    if not isinstance(node, Sequence):
        reader.wrong(node, _KEY, "", "a list belongs here", "write one '- check: NAME' a waiver")
        return ()
    return tuple(_read_all(node, reader))


def _read_all(node: Sequence, reader: Reader) -> Iterator[Waiver]:
    for item in node.items:
        before = len(reader.problems)
        fields = reader.mapping(item, _KEY, _FIELDS)
        texts = {name: reader.prose(value, _KEY, name) for name, value in fields.items()}
        for name, hint in _REQUIRED.items():
            if name not in fields and len(reader.problems) == before:
                reader.wrong(item, _KEY, "", f"a waiver without {name!r}", hint)
        expires = _date(fields["expires"], reader) if "expires" in fields else None
        if len(reader.problems) == before and expires is not None:
            yield Waiver(
                check=texts["check"],
                subject=texts.get("subject", ""),
                reason=texts["reason"],
                expires=expires,
                location=item.location,
            )


def _date(node: Node, reader: Reader) -> date | None:
    if not isinstance(node, Scalar) or not node.text:
        return None
    text = node.text
    try:
        # fromisoformat takes other forms, too, such as 20270331 and 2027-W13-3.
        if len(text) == 10 and text.isascii() and text[4] == text[7] == "-" and "W" not in text:
            return date.fromisoformat(text)
    except ValueError:
        pass
    message = f"{shown(text)!r} is not a date"
    reader.wrong(node, _KEY, "expires", message, "write year, month and day, such as 2027-03-31")
    return None
