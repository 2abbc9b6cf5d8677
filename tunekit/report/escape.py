"""Making text from elsewhere safe to show: from profiles, the kernel and other programs.

A terminal obeys escape sequences, and a reader believes what bidirectional overrides reorder; both
are shown as visible escapes instead. JSON needs none of this: the `json` module escapes for it.
"""

from __future__ import annotations

MAX_CELL = 200
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    """Replace every character that does not simply print by an escape such as `\\x1b`.

    Control characters, line breaks, bidirectional overrides, zero-width joiners and lone
    surrogates (bytes that were no UTF-8) are what `str.isprintable` refuses.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def cell(text: str) -> str:
    """A value of the kernel on one line, cut when it is too long for a table.

    Tabs between the fields of a vector become blanks. A port list may have 65,000 characters.
    """
    text = visible(text.replace("\t", " "))
    if len(text) <= MAX_CELL:
        return text
    return f"{text[: MAX_CELL // 2]}... ({len(text)} characters)"


def well_formed(text: str) -> str:
    """Replace lone surrogates, which no UTF-8 document can hold, by visible escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _escape(char: str) -> str:
    number = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if 0xDC80 <= number <= 0xDCFF:
        # os.fsdecode keeps a byte that is no UTF-8 as one of these: show the byte.
        return f"\\x{number - 0xDC00:02x}"
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
