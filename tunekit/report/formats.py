"""The outputs that a report can be rendered as. A new one is a new module and a line here."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunekit.report.model import Report


class Format(Enum):
    """How a result is written to standard output."""

    TABLE = "table"
    """For a person: aligned columns, folded to the width of the terminal."""
    JSON = "json"
    """For a program: one document, described by `report/schema.json`."""
    JUNIT = "junit"
    """For a CI server: one test case for each judgement."""
    TAP = "tap"
    """The Test Anything Protocol, version 13."""
    GITHUB = "github"
    """Annotations of GitHub Actions."""
    PROMETHEUS = "prometheus"
    """Metrics for the textfile collector of node_exporter."""
    SARIF = "sarif"
    """SARIF 2.1.0, for code scanning."""
    MARKDOWN = "markdown"
    """For the summary of a job."""


def render(
    report: Report, format: Format, *, width: int, colour: bool, everything: bool = False
) -> str:
    """Write a report as text that ends in a newline, or is empty.

    `width` is in terminal columns. `everything` also shows what is in line already. Outputs for
    programs ignore all three.
    """
    # Each output is imported when asked for: `json` alone costs more than a small command.
    match format:
        case Format.TABLE:
            from tunekit.report.table import render_table

            return render_table(report, width=width, colour=colour, everything=everything)
        case Format.JSON:
            from tunekit.report.json import render_json

            return render_json(report)
        case Format.JUNIT:
            from tunekit.report.junit import render_junit

            return render_junit(report)
        case Format.TAP:
            from tunekit.report.tap import render_tap

            return render_tap(report)
        case Format.GITHUB:
            from tunekit.report.github import render_github

            return render_github(report)
        case Format.PROMETHEUS:
            from tunekit.report.prometheus import render_prometheus

            return render_prometheus(report)
        case Format.SARIF:
            from tunekit.report.sarif import render_sarif

            return render_sarif(report)
        case Format.MARKDOWN:
            from tunekit.report.markdown import render_markdown

            return render_markdown(report)


def to_json(report: Report) -> dict[str, Any]:
    """The JSON document of a report, as plain data (`tunekit.report/1`)."""
    from tunekit.report.json import to_json as convert

    return convert(report)
