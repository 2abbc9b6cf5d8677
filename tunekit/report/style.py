"""Colour for a terminal. Colour only repeats what a word already says."""

from __future__ import annotations

from enum import Enum


class Tone(Enum):
    """What a piece of text means, as the parameter of its SGR sequence (ECMA-48, 8.3.117)."""

    PLAIN = ""
    HEAD = "1"
    GOOD = "32"
    WARN = "33"
    BAD = "31"
    DIM = "2"


def paint(text: str, tone: Tone, colour: bool) -> str:
    """Wrap a text in the colour of its tone, when colour is wanted."""
    if not colour or tone is Tone.PLAIN or not text:
        return text
    return f"\x1b[{tone.value}m{text}\x1b[0m"
