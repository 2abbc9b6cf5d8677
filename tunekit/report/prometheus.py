"""Metrics in the text format of Prometheus, for the textfile collector of node_exporter.

A report without a time of its own: the collector says when the file was written
(`node_textfile_mtime_seconds`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from tunekit.check.model import Status
from tunekit.report.cases import Case, cases
from tunekit.report.escape import visible
from tunekit.report.model import Report

_Labels = Mapping[str, str]


def render_prometheus(report: Report) -> str:
    """Write a report as gauges; every status that a finding can have is counted, 0 among them."""
    about = {
        "command": report.command,
        "profile": report.profile.name if report.profile else "",
    }
    rows = _unique(cases(report))
    counts = Counter(row.word for row in rows)
    words = dict.fromkeys([*(status.value for status in Status), *counts])
    lines = _family(
        "tunekit_exit_code",
        "What the command exited with: 0 is yes, 1 is no, 3 is cannot be told.",
        [(about, float(report.exit_code))],
    )
    lines += _family(
        "tunekit_findings",
        "How many findings have this status.",
        [({**about, "status": word}, float(counts[word])) for word in words],
    )
    lines += _family(
        "tunekit_finding_ok",
        "1 where the finding stops nothing, 0 where it keeps the command from exiting with 0.",
        [
            (
                {**about, "check": row.group, "subject": row.name, "status": row.word},
                float(not row.fails),
            )
            for row in rows
        ],
    )
    lines += _family(
        "tunekit_measurement",
        "A figure that was measured, in the unit of its label.",
        _measurements(report, about),
    )
    return "".join(f"{line}\n" for line in lines)


def _unique(rows: Iterable[Case]) -> list[Case]:
    """One case for each group and name, one that fails before others: a series is written once."""
    found: dict[tuple[str, str], Case] = {}
    for row in rows:
        known = found.get((row.group, row.name))
        if known is None or (row.fails and not known.fails):
            found[row.group, row.name] = row
    return list(found.values())


def _measurements(report: Report, about: _Labels) -> list[tuple[_Labels, float]]:
    found: dict[tuple[str, str], tuple[_Labels, float]] = {}
    for row in report.measurements:
        if row.measured is None or not math.isfinite(row.measured):
            continue
        parameters = ",".join(f"{name}={value}" for name, value in row.parameters.items())
        labels = {**about, "name": row.name, "parameters": parameters, "unit": row.unit}
        found.setdefault((row.name, parameters), (labels, float(row.measured)))
    return list(found.values())


def _family(name: str, help: str, samples: Iterable[tuple[_Labels, float]]) -> list[str]:
    lines = [f"{name}{{{_labels(labels)}}} {value:.17g}" for labels, value in samples]
    return [f"# HELP {name} {help}", f"# TYPE {name} gauge", *lines] if lines else []


def _labels(labels: _Labels) -> str:
    return ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())


def _escaped(text: str) -> str:
    return visible(text).replace("\\", "\\\\").replace('"', '\\"')
