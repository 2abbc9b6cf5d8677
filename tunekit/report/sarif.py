"""SARIF 2.1.0 (OASIS), which code scanning reads: a result for each case that is not in order.

Every result has a place, since readers such as GitHub's refuse one without: the profile's line,
else its first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import quote

from tunekit.report.cases import Case, Verdict, cases
from tunekit.report.escape import visible
from tunekit.report.model import Report

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Verdict.BAD: "error", Verdict.UNTOLD: "error", Verdict.REMARK: "warning"}


def render_sarif(report: Report) -> str:
    """Write a report as one run of a SARIF log."""
    rows = [row for row in cases(report) if row.verdict in _LEVELS or row.word == "waived"]
    rules = list(dict.fromkeys(row.group for row in rows))
    invocation = {
        "executionSuccessful": int(report.exit_code) in (0, 1, 3),
        "exitCode": int(report.exit_code),
        "exitCodeDescription": visible(report.verdict),
    }
    driver = {
        "name": "tunekit",
        **_version(),
        "rules": [_rule(name) for name in rules],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": [_result(row, rules, report) for row in rows],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=True) + "\n"


def _version() -> dict[str, str]:
    """The version of an installed tunekit; nothing when it runs from a folder of files."""
    try:
        return {"semanticVersion": version("tunekit")}
    except PackageNotFoundError:
        return {}


def _rule(name: str) -> dict[str, Any]:
    from tunekit.check.registry import find

    check = find(name)
    asks = check.asks if check else f"what tunekit says of {name}"
    rule: dict[str, Any] = {"id": name, "shortDescription": {"text": asks}}
    if check is not None:
        rule["fullDescription"] = {"text": f"{asks} ({check.authority})"}
    return rule


def _result(row: Case, rules: list[str], report: Report) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": row.group,
        "ruleIndex": rules.index(row.group),
        "level": _LEVELS.get(row.verdict, "note"),
        "message": {"text": _message(row)},
        "partialFingerprints": {"tunekit/v1": f"{row.group}:{row.name}"},
        "locations": [_location(row, report)] if row.location or report.profile else [],
    }
    if row.word == "waived":
        waiver = dict(row.details).get("waiver", "")
        result["suppressions"] = [{"kind": "external", "justification": waiver}]
    return result


def _message(row: Case) -> str:
    return "\n".join(_sentences(row))


def _sentences(row: Case) -> Iterable[str]:
    yield f"{row.name}: {row.word}: {row.message}"
    for label, text in row.details:
        if label in ("why", "remedy", "detail"):
            yield f"{label}: {text}"


def _location(row: Case, report: Report) -> dict[str, Any]:
    if row.location is not None:
        file, line = row.location.file, row.location.line
    else:
        file, line = report.profile.path if report.profile else "", 1
    path = quote(_bytes(file))
    uri = f"file://{path}" if path.startswith("/") else path
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": uri},
            "region": {"startLine": line},
        }
    }


def _bytes(file: str) -> bytes:
    """The name of a file as the kernel has it."""
    try:
        return file.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return file.encode("utf-8", "backslashreplace")
