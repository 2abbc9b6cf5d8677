"""The default rendering: tables and sentences for a person at a terminal.

It shows results only. Errors and notes go to standard error, where the command line puts them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

from tunekit.errors import ExitCode
from tunekit.report.escape import cell, visible
from tunekit.report.layout import MIN_WIDTH, Page, prose
from tunekit.report.model import Report
from tunekit.report.style import Tone

_ANSWER_FIRST = ("verify", "capacity")
_Section = Callable[[Report, Page], list[str]]

# With these, findings are the result itself: each has a table of its own for them.
_OF_FINDINGS = {
    "inspect": "inspection",
    "preflight": "gate",
    "stale": "programs",
    "capacity": "ladder",
}


def render_table(report: Report, *, width: int, colour: bool, everything: bool = False) -> str:
    """Write a report for a terminal of `width` columns; empty when it has nothing to say."""
    if report.text:
        # A file for another program: nothing may stand around it.
        return report.text
    page = Page(width=max(width, MIN_WIDTH), colour=colour, everything=everything)
    tables = [_draw(name, report, page) for name in _tables(report)]
    conclusion = _conclusion(report, page)
    # A proof is read for its answer; of a change the answer is the list of what was changed.
    first = report.command in _ANSWER_FIRST
    body = (conclusion, *tables) if first else (*tables, conclusion)
    sections = (_heading(report, page), *body)
    text = "\n\n".join("\n".join(lines) for lines in sections if lines)
    return f"{text}\n" if text else ""


def _tables(report: Report) -> Iterator[str]:
    """The modules of `tunekit.report.tables` that have something to draw, in their order."""
    inspects = report.command == "inspect"
    if report.changes and not inspects:
        yield "changes"
    if report.command == "explain" and not report.listings and report.data:
        yield "entries"
    if report.data.get("files"):
        yield "files"
    if report.keys:
        yield "keys"
    if report.boot:
        yield "boot"
    if report.transactions:
        yield "history"
    if report.listings:
        yield "listings"
    if inspects and "limits" in report.data:
        yield "arrivals"
    elif report.findings:
        yield _OF_FINDINGS.get(report.command, "findings")
    if report.measurements:
        yield "figures"
        yield "buffers"
        yield "readiness"
        if not report.changes:
            # After a change the buffers are a look beside it, and four points no picture.
            yield "charts"
    if "comparison" in report.data:
        yield "comparison"


def _draw(name: str, report: Report, page: Page) -> list[str]:
    # Only what is drawn is imported: a table brings the types of its rows along.
    section: _Section = import_module(f"tunekit.report.tables.{name}").section
    return section(report, page)


def _heading(report: Report, page: Page) -> list[str]:
    """Say which profile was used, and from where: a bare name may have meant another file."""
    profile = report.profile
    if profile is None:
        return []
    text = f"profile {cell(profile.name)} ({visible(profile.path)})"
    values = ", ".join(
        f"{visible(name)}={number}" for name, number in sorted(profile.variables.items())
    )
    return prose(f"{text} with {values}" if values else text, page, tone=Tone.HEAD)


def _conclusion(report: Report, page: Page) -> list[str]:
    """Say in one line what was done, and how to undo it or go on."""
    parts = [visible(part).rstrip(".;") for part in (report.verdict, report.next_step) if part]
    return prose("; ".join(parts), page, tone=_tone(report.exit_code))


def _tone(code: ExitCode) -> Tone:
    if code is ExitCode.OK:
        return Tone.GOOD
    return Tone.WARN if code is ExitCode.NO else Tone.BAD
