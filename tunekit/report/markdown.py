"""Markdown with tables (GitHub's flavour), for the summary of a job or a comment."""

from __future__ import annotations

import re
from collections import Counter

from tunekit.errors import ExitCode
from tunekit.report.cases import Case, Verdict, cases, subject_of
from tunekit.report.escape import visible
from tunekit.report.model import Report

_TITLES = ("status", "check", "subject", "expected", "observed", "why", "remedy")
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&#!$@(){}])")


def render_markdown(report: Report) -> str:
    """Write a report as a heading, the answer, and a table of what is not in order."""
    rows = cases(report)
    shown = [row for row in rows if row.verdict is not Verdict.GOOD and row.word != "skip"]
    mark = "passed" if report.exit_code is ExitCode.OK else "failed"
    blocks = [f"## {_text(subject_of(report))}: {mark}"]
    if report.verdict:
        blocks.append(_text(visible(report.verdict)))
    if shown:
        blocks.append("\n".join(_table(shown)))
    counts = Counter(row.word for row in rows)
    blocks.append(", ".join(f"{count} {_text(word)}" for word, count in counts.items()))
    if report.next_step:
        blocks.append(_text(visible(report.next_step)))
    return "\n\n".join(blocks) + "\n"


def _table(rows: list[Case]) -> list[str]:
    lines = [_row(_TITLES), _row(["---"] * len(_TITLES))]
    for row in rows:
        details = dict(row.details)
        why = details.get("waiver") or details.get("why") or details.get("detail", "")
        lines.append(
            _row(
                [
                    _text(row.word),
                    _text(row.group),
                    _text(row.name),
                    _text(details.get("expected", details.get("wanted", ""))),
                    _text(details.get("observed", details.get("error", ""))),
                    _text(why),
                    _code(row.remedy),
                ]
            )
        )
    return lines


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """Text that no reader takes for markup."""
    return _SPECIAL.sub(r"\\\1", text)


def _code(text: str) -> str:
    """Text as code, to be copied from; its fence is longer than any run of backticks in it."""
    if not text:
        return ""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    # The table's bars come first for a reader, and are escaped even in code (GFM, 4.10).
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")
