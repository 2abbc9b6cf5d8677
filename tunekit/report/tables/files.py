"""The files that a command would write, with their texts."""

from __future__ import annotations

from tunekit.report.escape import visible
from tunekit.report.layout import Page, prose
from tunekit.report.model import Report
from tunekit.report.style import Tone


def section(report: Report, page: Page) -> list[str]:
    """Draw each text below the name of its file, as it would be written."""
    lines: list[str] = []
    for file in report.data["files"]:
        root = "" if file["root"] == "/" else f" below {file['root']}"
        if lines:
            lines.append("")
        lines += prose(f"{visible(file['path'])}{visible(root)}", page, tone=Tone.HEAD)
        if file["text"] is None:
            lines += prose("would be removed", page, indent=2)
            continue
        for line in file["text"].splitlines():
            tone = Tone.DIM if line.startswith("#") else Tone.PLAIN
            lines += prose(visible(line), page, indent=2, tone=tone)
    return lines
