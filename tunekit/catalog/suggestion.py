"""Which known name a misspelt one may mean."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher, get_close_matches

_LONGEST = 200
"""Nobody misspells a longer name; difflib's time grows with the square of the length."""
_MOST = 3
_NEAR = 0.8


def nearest(text: str, candidates: Sequence[str]) -> tuple[str, ...]:
    """Return at most three candidates that `text` may mean, best first.

    The same last component in another folder counts more than a similar spelling.
    """
    if not text or len(text) > _LONGEST:
        return ()
    typed, text = text, _dotted(text.lower())
    names = {_named_like(text, candidate): None for candidate in candidates}
    names.pop(typed, None)
    leaf = _leaf(text)
    by_leaf: dict[str, list[str]] = {}
    for name in names:
        by_leaf.setdefault(_leaf(name), []).append(name)

    found = list(_by_likeness(text, by_leaf.get(leaf, [])))
    if not found:
        found = get_close_matches(text, names, n=_MOST, cutoff=_NEAR)
        for similar in get_close_matches(leaf, by_leaf, n=_MOST, cutoff=_NEAR):
            found += _by_likeness(text, by_leaf[similar])
        found = sorted(dict.fromkeys(found), key=lambda name: _unlike(leaf, _leaf(name)))
    return tuple(dict.fromkeys(found))[:_MOST]


def _dotted(text: str) -> str:
    # A slash after the first dot belongs to an interface name, and stays.
    return text.replace("/", ".") if "." not in text.split("/", 1)[0] else text


def _leaf(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def _named_like(text: str, pattern: str) -> str:
    """Put the interface of `text` into a pattern, so that the suggestion can be used as it is."""
    if "*" not in pattern:
        return pattern
    own, wanted = text.split("."), pattern.split(".")
    position = wanted.index("*")
    return pattern.replace("*", own[position] if len(own) == len(wanted) else "all")


def _by_likeness(text: str, names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: _unlike(text, name))


def _unlike(text: str, name: str) -> tuple[float, str]:
    return -SequenceMatcher(None, text, name).ratio(), name
