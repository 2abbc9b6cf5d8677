"""The lines that stand for rows which are not shown."""

from __future__ import annotations

from collections.abc import Sequence

from tunekit.report.escape import cell
from tunekit.report.layout import Page, prose
from tunekit.report.style import Tone


def folded(
    holding: int, absent: Sequence[str], page: Page, *, before: Sequence[str], option: str
) -> list[str]:
    """Count the settings that hold and name the optional ones that are not here.

    `before` is the table that they were left out of; `option` shows them.
    """
    lines: list[str] = []
    if holding:
        noun = "setting already holds" if holding == 1 else "settings already hold"
        lines += prose(f"{holding} {noun} ({option} shows all).", page, tone=Tone.DIM)
    if absent:
        names = ", ".join(map(cell, absent))
        verb = "setting is" if len(absent) == 1 else "settings are"
        text = f"{len(absent)} optional {verb} not available here: {names}."
        lines += prose(text, page, tone=Tone.DIM)
    return ["", *lines] if lines and before else lines
