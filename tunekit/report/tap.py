"""TAP version 13, the Test Anything Protocol (https://testanything.org/tap-version-13-specification).

A remark is `not ok ... # TODO`, which no reader counts as a failure; what was left out or waived
is `# SKIP`. What is known of a line follows it as a YAML block.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tunekit.report.cases import Case, Verdict, cases
from tunekit.report.escape import visible
from tunekit.report.model import Report


def render_tap(report: Report) -> str:
    """Write a report as a TAP stream."""
    rows = cases(report)
    lines = ["TAP version 13", f"1..{len(rows)}"]
    for number, row in enumerate(rows, 1):
        lines += _lines(number, row)
    if report.verdict:
        lines.append(f"# {visible(report.verdict)}")
    return "\n".join(lines) + "\n"


def _lines(number: int, row: Case) -> Iterator[str]:
    holds = row.verdict in (Verdict.GOOD, Verdict.LEFT_OUT)
    directive = {
        Verdict.REMARK: f" # TODO {row.word}: {_plain(row.message)}",
        Verdict.LEFT_OUT: f" # SKIP {row.word}: {_plain(row.message)}",
    }.get(row.verdict, "")
    title = _plain(f"{row.group}: {row.name}")
    yield f"{'ok' if holds else 'not ok'} {number} - {title}{directive}"
    if row.verdict is Verdict.GOOD:
        return
    yield "  ---"
    for label, text in (("status", row.word), *row.details):
        # A string of JSON is one of YAML.
        yield f"  {label}: {json.dumps(text, ensure_ascii=False)}"
    yield "  ..."


def _plain(text: str) -> str:
    """Without the one character that begins a directive, which readers unescape differently."""
    return text.replace("#", "\\x23")
