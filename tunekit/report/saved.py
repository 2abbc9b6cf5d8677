"""A run that was kept, `tunekit.saved/1`: its report with raw samples and host identity, and the
sysctls that it ran under; and what changed since.

Any report with measurements can be kept. Two figures are the same one when their names are, and
their parameters but for those that say what was found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tunekit.errors import UsageError
from tunekit.probe.model import Measurement, Scalar
from tunekit.report.json import to_json
from tunekit.report.model import Report

SCHEMA = "tunekit.saved/1"

# Parameters that a run finds out, and that do not tell what it measured.
_FOUND = frozenset(
    {
        "buffer_limited",
        "congestion_window",
        "expected_limit",
        "held_back_by",
        "locked",
        "path",
        "receive_buffer",
        "round_trip",
        "segment",
        "send_buffer",
        "why",
        "window_limited",
    }
)


def encode(report: Report, *, sysctls: Mapping[str, str], moment: str, version: str) -> str:
    """Write a report as a document to keep, in ASCII; `moment` is an RFC 3339 time, `version`
    tunekit's.
    """
    document = {
        "schema": SCHEMA,
        "saved": moment,
        "tunekit": version,
        "sysctls": dict(sorted(sysctls.items())),
        "report": to_json(report),
    }
    return json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def decode(text: str, *, path: str) -> dict[str, Any]:
    """Read such a document. Raises UsageError when it is none, or of a later version."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            "is not JSON", path=path, hint="give a file that --save has written"
        ) from error
    schema = document.get("schema") if isinstance(document, dict) else None
    report = document.get("report") if isinstance(document, dict) else None
    rows = report.get("measurements") if isinstance(report, dict) else None
    if schema != SCHEMA or not isinstance(rows, list) or not all(map(_is_figure, rows)):
        raise UsageError(
            f"is no run kept as {SCHEMA}",
            path=path,
            hint="give a file that --save of this version has written",
        )
    kept: dict[str, Any] = document
    return kept


def refuse_another_command(kept: Mapping[str, Any], command: str) -> None:
    """Raise UsageError when a kept run is another command's."""
    other = kept["report"].get("command")
    if other != command:
        raise UsageError(
            f"the kept run is of {other}, this one of {command}",
            hint="compare two runs of the same command",
        )


def compare(
    kept: Mapping[str, Any], report: Report, *, sysctls: Mapping[str, str]
) -> dict[str, Any]:
    """Set a kept run beside this report: the figures that both have, in this one's order, how many
    only one of them has, and what differs in the host and its sysctls. Plain data.

    Raises UsageError when it was another command's.
    """
    refuse_another_command(kept, report.command)
    before = {_key(row["name"], row["parameters"]): row for row in kept["report"]["measurements"]}
    figures = list(_both(before, report.measurements))
    then, now = _mapping(kept.get("sysctls")), dict(sysctls)
    return {
        "saved": str(kept.get("saved", "")),
        "host": list(_host(_mapping(kept["report"].get("host")), report)),
        "sysctls": [
            {"key": key, "before": then.get(key), "after": now.get(key)}
            for key in sorted(then.keys() | now.keys())
            if then.get(key) != now.get(key)
        ],
        "figures": figures,
        "only_one_has": len(before) + len(report.measurements) - 2 * len(figures),
    }


def _both(
    before: Mapping[tuple[object, ...], Mapping[str, Any]], rows: Sequence[Measurement]
) -> Iterator[dict[str, Any]]:
    for row in rows:
        earlier = before.get(_key(row.name, row.parameters))
        if earlier is None:
            continue
        yield {
            "name": row.name,
            "parameters": {
                name: value for name, value in row.parameters.items() if name not in _FOUND
            },
            "unit": row.unit,
            "before": earlier["measured"],
            "after": row.measured,
        }


def _key(name: str, parameters: Mapping[str, Scalar]) -> tuple[object, ...]:
    known = sorted(
        (parameter, value) for parameter, value in parameters.items() if parameter not in _FOUND
    )
    return name, *known


def _host(then: Mapping[str, Any], report: Report) -> Iterator[dict[str, Any]]:
    if report.host is None:
        return
    for name in ("hostname", "kernel", "machine", "boot_id"):
        before, after = then.get(name), getattr(report.host, name)
        if before != after:
            yield {"name": name, "before": before, "after": after}


def _is_figure(row: object) -> bool:
    return (
        isinstance(row, dict)
        and isinstance(row.get("name"), str)
        and isinstance(row.get("parameters"), dict)
        and all(_is_scalar(value) for value in row["parameters"].values())
        and isinstance(row.get("measured"), int | float | None)
    )


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
