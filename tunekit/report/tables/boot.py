"""Keys now, after the next boot, and as they are wanted."""

from __future__ import annotations

from tunekit.check.model import Status
from tunekit.report.escape import cell, visible
from tunekit.report.layout import Page, Row, prose, table
from tunekit.report.model import BootLine, BootRow, Report
from tunekit.report.style import Tone

_VERDICTS = {
    Status.PASS: ("holds", Tone.GOOD),
    Status.FAIL: ("differs", Tone.BAD),
    Status.WARN: ("warning", Tone.WARN),
    Status.SKIP: ("-", Tone.DIM),
    Status.UNKNOWN: ("unknown", Tone.WARN),
    Status.WAIVED: ("waived", Tone.DIM),
}
_DOTTED = str.maketrans("./", "/.")


def section(report: Report, page: Page) -> list[str]:
    """Draw what differs or is shadowed; what holds is only counted, unless all is asked for.

    Without a profile and without drift there is nothing to leave out: everything is drawn.
    """
    judged = any(row.status in (Status.FAIL, Status.UNKNOWN, Status.PASS) for row in report.boot)
    shown = [
        row for row in report.boot if page.everything or not judged or row.status is not Status.PASS
    ]
    wanted = any(row.wanted for row in report.boot)
    titles = ("key", "running", "boot", *(("wanted",) if wanted else ()), "verdict")
    lines = table(titles, [_row(row, wanted=wanted) for row in shown], page)
    hidden = len(report.boot) - len(shown)
    if hidden:
        noun = "key holds" if hidden == 1 else "keys hold"
        count = prose(f"{hidden} {noun} after boot (--all shows all).", page, tone=Tone.DIM)
        lines += ["", *count] if lines else count
    return lines


def _row(row: BootRow, *, wanted: bool) -> Row:
    word, tone = _VERDICTS[row.status]
    values = [_value(row.running), _value(row.boot)]
    if wanted:
        values.append(cell(row.wanted) or "-")
    return Row(
        cells=(cell(row.key), *values, word),
        tones=(*(Tone.PLAIN,) * (len(values) + 1), tone),
        note="; ".join([visible(row.reason), *map(_shadow, row.shadowed)]).strip("; "),
    )


def _value(text: str | None) -> str:
    return "?" if text is None else cell(text) or '""'


def _shadow(line: BootLine) -> str:
    place = f"{line.file}:{line.line}" if line.line else line.file
    # The key is a path, and people know it with dots.
    key = line.key.translate(_DOTTED)
    what = f"-{key}" if line.value is None else f"{key} = {line.value}"
    return visible(f"shadowed: {what} in {place}, by {line.by}")
