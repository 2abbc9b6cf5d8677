"""Fitting tables and prose into a number of terminal columns.

tabulate draws the grids; what is here chooses the widths and folds the texts beforehand. Long keys
fold after a dot, then after an underscore; vectors fold between their fields. What does not fit as
a table even so becomes a record: a line for each field. No line is ever wider than asked, so that
no terminal wraps one in the middle of a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tunekit.records import dataclass
from tunekit.report.style import Tone, paint

GAP = 2
MIN_WIDTH = 20
_KEY_COLUMN = 24
_NOTE_COLUMN = 36
_PIECES = (r"[^./]*[./]|[^./]+", r"[^,_:=-]*[,_:=-]|[^,_:=-]+", r"(?s:.)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Where the text will be seen: columns, whether colours show, and whether to show all."""

    width: int
    colour: bool = False
    everything: bool = False

    def paint(self, text: str, tone: Tone) -> str:
        """Colour a text, if this page has colours."""
        return paint(text, tone, self.colour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a table: one text a column, the tone of each, and prose that explains it.

    The note is a last column where there is room for one, else it stands below its row.
    """

    cells: tuple[str, ...]
    tones: tuple[Tone, ...] = ()
    note: str = ""

    def tone(self, index: int) -> Tone:
        """The tone of one cell."""
        return self.tones[index] if index < len(self.tones) else Tone.PLAIN


def columns_of(text: str) -> int:
    """The terminal columns that a printable text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_columns_of_char, text))


def _columns_of_char(char: str) -> int:
    import unicodedata

    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _is_even(text: str) -> bool:
    """Tell whether each character takes one column, which is how tabulate measures."""
    return columns_of(text) == len(text)


def wrap(text: str, width: int, *, hang: int = 0) -> list[str]:
    """Break a text into lines of at most `width` columns, later ones indented by `hang`.

    Breaks at blanks; a word that is too long breaks after dots and slashes, then after other
    punctuation, then anywhere.
    """
    if columns_of(text) <= width:
        return [text]
    hang = min(hang, width // 2)
    lines: list[str] = []
    line = ""
    for piece, glued in _pieces(text, width - hang):
        joined = f"{line}{piece}" if glued or not line.strip() else f"{line} {piece}"
        if columns_of(joined) <= width:
            line = joined
            continue
        lines.append(line)
        line = " " * hang + piece
    lines.append(line)
    return lines


def _pieces(text: str, width: int) -> Iterator[tuple[str, bool]]:
    """The parts that a text may be broken into, and whether each belongs to the one before."""
    for word in text.split(" "):
        if not word:
            continue
        for index, piece in enumerate(_split(word, width, 0)):
            yield piece, index > 0


def _split(word: str, width: int, level: int) -> Iterator[str]:
    if columns_of(word) <= width or level == len(_PIECES):
        yield word
        return
    for piece in re.findall(_PIECES[level], word):
        yield from _split(piece, width, level + 1)


def prose(text: str, page: Page, *, indent: int = 0, tone: Tone = Tone.PLAIN) -> list[str]:
    """Wrap a sentence, with every line indented."""
    if not text:
        return []
    indent = min(indent, page.width // 4)
    return [" " * indent + page.paint(line, tone) for line in wrap(text, page.width - indent)]


def field(title: str, text: str, page: Page, *, labels: int, tone: Tone = Tone.PLAIN) -> list[str]:
    """Write a label and its text; labels are padded to `labels` columns."""
    start = labels + 2 * GAP
    if start > page.width // 2:
        head = wrap(" " * GAP + title, page.width)
        return [*head, *prose(text, page, indent=2 * GAP, tone=tone)]
    first, *rest = (page.paint(line, tone) for line in wrap(text, page.width - start))
    return [
        f"{' ' * GAP}{title:<{labels}}{' ' * GAP}{first}",
        *(" " * start + line for line in rest),
    ]


def table(
    titles: Sequence[str],
    rows: Sequence[Row],
    page: Page,
    *,
    note: str = "why",
    names: bool = True,
) -> list[str]:
    """Draw rows under their titles, as a table where it fits and as records where not.

    `note` is the title of the notes. The first column is the one that folds with an indent;
    `names` says that it names what its row is about, which needs no title in a record.
    """
    if not rows:
        return []
    widths = _fit(titles, rows, page.width)
    if widths is None:
        return _records(titles, rows, page, note, names=names)
    room = page.width - sum(widths) - GAP * len(widths)
    longest = max(columns_of(row.note) for row in rows)
    fits = room >= max(len(note), min(longest, _NOTE_COLUMN))
    if longest and fits and all(_is_even(row.note) for row in rows):
        widths.append(max(len(note), min(longest, room)))
        return _grid((*titles, note), [_with_note_as_cell(row) for row in rows], widths, page)
    return _grid(titles, rows, widths, page)


def _with_note_as_cell(row: Row) -> Row:
    tones = tuple(row.tone(i) for i in range(len(row.cells)))
    return Row(cells=(*row.cells, row.note), tones=(*tones, Tone.DIM))


def _fit(titles: Sequence[str], rows: Sequence[Row], width: int) -> list[int] | None:
    """Narrow the widest columns until the table fits; None when it cannot."""
    if not all(_is_even(text) for row in rows for text in row.cells):
        return None
    widths = [
        max(columns_of(title), *(columns_of(row.cells[i]) for row in rows))
        for i, title in enumerate(titles)
    ]
    excess = sum(widths) + GAP * (len(widths) - 1) - width
    if excess <= 0:
        return widths
    least = [
        max(columns_of(title), _longest_word(rows, i)) if i else min(widths[0], _KEY_COLUMN)
        for i, title in enumerate(titles)
    ]
    while excess > 0:
        index = max(range(len(widths)), key=lambda i: (widths[i] > least[i], widths[i]))
        if widths[index] <= least[index]:
            return None
        widths[index] -= 1
        excess -= 1
    return widths


def _longest_word(rows: Sequence[Row], index: int) -> int:
    return max(columns_of(word) for row in rows for word in row.cells[index].split(" "))


def _grid(
    titles: Sequence[str], rows: Sequence[Row], widths: Sequence[int], page: Page
) -> list[str]:
    # Importing it takes longer than drawing, and not every command draws a table.
    from tabulate import tabulate

    heads = Row(cells=tuple(titles), tones=(Tone.HEAD,) * len(titles))
    folded = [_fold(row, widths, page) for row in (heads, *rows)]
    # The titles are a row like the others: tabulate makes room for two characters more than a
    # title has. Without headers it draws the rule above and below everything.
    rule, *drawn, _ = tabulate(
        [["\n".join(lines) for lines in cells] for cells in folded],
        tablefmt="simple",
        disable_numparse=True,
        preserve_whitespace=True,
        colalign=("left",) * len(widths),
    ).split("\n")
    heights = [max(map(len, cells)) for cells in folded]
    lines = [*drawn[: heights[0]], page.paint(rule, Tone.DIM)]
    end = heights[0]
    for row, height in zip(rows, heights[1:], strict=True):
        start, end = end, end + height
        lines += drawn[start:end]
        lines += prose(row.note, page, indent=4, tone=Tone.DIM)
    return lines


def _fold(row: Row, widths: Sequence[int], page: Page) -> list[list[str]]:
    """The coloured lines of each cell."""
    return [
        [page.paint(line, row.tone(index)) for line in wrap(text, width, hang=0 if index else 2)]
        for index, (text, width) in enumerate(zip(row.cells, widths, strict=True))
    ]


def _records(
    titles: Sequence[str], rows: Sequence[Row], page: Page, note: str, *, names: bool
) -> list[str]:
    """One field a line: the form for narrow terminals."""
    labels = max(len(title) for title in (*titles[1:], note))
    lines: list[str] = []
    for row in rows:
        if lines:
            lines.append("")
        head = row.cells[0] if names else f"{titles[0]} {row.cells[0]}"
        lines += [page.paint(line, Tone.HEAD) for line in wrap(head, page.width, hang=2)]
        for index, title in enumerate(titles[1:], 1):
            if row.cells[index]:
                tone = row.tone(index)
                lines += field(title, row.cells[index], page, labels=labels, tone=tone)
        if row.note:
            lines += field(note, row.note, page, labels=labels, tone=Tone.DIM)
    return lines
