"""Wildcards in keys, as glob(3) and fnmatch(3) understand them."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "digit": "0-9",
    "lower": "a-z",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
    "punct": r"!-/:-@\[-`{-~",
}


def glob_matches(pattern: str, path: str) -> bool:
    """Tell whether glob(3) of a pattern would find a path: `*` stays within one component, and a
    leading dot is matched by a dot only. Repeated slashes count as one.
    """
    wanted = [part for part in pattern.split("/") if part]
    own = path.split("/")
    return len(wanted) == len(own) and all(
        (name[:1] != "." or part[:1] in (".", "\\")) and _expression(part).fullmatch(name)
        for part, name in zip(wanted, own, strict=True)
    )


def fnmatch_matches(pattern: str, path: str) -> bool:
    """Tell whether fnmatch(3) without flags matches: `*` crosses slashes."""
    return _expression(pattern).fullmatch(path) is not None


def braces(pattern: str) -> list[str]:
    """Expand `{a,b}` as glob(3) does with GLOB_BRACE; a pair that has no end stays as it is."""
    start = pattern.find("{")
    while start >= 0 and pattern[start : start + 2] == "{}":
        start = pattern.find("{", start + 2)
    if start < 0:
        return [pattern]
    depth, cuts = 0, [start]
    for index in range(start, len(pattern)):
        char = pattern[index]
        depth += (char == "{") - (char == "}")
        if (char == "," and depth == 1) or depth == 0:
            cuts.append(index)
        if depth == 0:
            break
    else:
        return [pattern]
    head, tail = pattern[:start], pattern[cuts[-1] + 1 :]
    return [
        expanded
        for left, right in pairwise(cuts)
        for expanded in braces(head + pattern[left + 1 : right] + tail)
    ]


@lru_cache(maxsize=256)
def _expression(pattern: str) -> re.Pattern[str]:
    text, index = "", 0
    while index < len(pattern):
        char = pattern[index]
        index += 1
        if char == "*":
            text += ".*"
        elif char == "?":
            text += "."
        elif char == "\\" and index < len(pattern):
            text += re.escape(pattern[index])
            index += 1
        elif char == "[" and (end := _bracket_end(pattern, index)):
            text += _bracket(pattern[index:end])
            index = end + 1
        else:
            text += re.escape(char)
    return re.compile(text, re.DOTALL)


def _bracket_end(pattern: str, start: int) -> int:
    """The index of the `]` that ends a bracket, 0 where none does."""
    index = start + (pattern[start : start + 1] in ("!", "^"))
    if pattern[index : index + 1] == "]":
        index += 1
    while index < len(pattern):
        if pattern.startswith("[:", index) and (end := pattern.find(":]", index + 2)) > 0:
            index = end + 2
            continue
        if pattern[index] == "]":
            return index
        index += 2 if pattern[index] == "\\" else 1
    return 0


def _ranges(text: str) -> str:
    """The characters and ranges of a bracket, with nothing in them that a regex reads otherwise."""
    found, index = "", 0
    while index < len(text):
        first, index = _unescaped(text, index)
        last = first
        if text[index : index + 1] == "-" and index + 1 < len(text):
            last, index = _unescaped(text, index + 1)
        # One from high to low matches nothing.
        if first <= last:
            found += f"{re.escape(first)}-{re.escape(last)}"
    return found


def _unescaped(text: str, index: int) -> tuple[str, int]:
    """The character at an index, which a backslash may precede, and the index behind it."""
    index += text[index] == "\\" and index + 1 < len(text)
    return text[index], index + 1


def _bracket(inside: str) -> str:
    negated = inside[:1] in ("!", "^")
    body = re.sub(r"\[:(\w+):\]", lambda m: f"\0{m[1]}\0", inside[negated:])
    pieces = body.split("\0")
    text = ""
    for index, piece in enumerate(pieces):
        if index % 2:
            text += _CLASSES.get(piece, "")
        else:
            text += _ranges(piece)
    if not text:
        return r"[\s\S]" if negated else r"(?!)"
    return f"[{'^' if negated else ''}{text}]"
