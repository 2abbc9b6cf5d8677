"""The report as one JSON document, `tunekit.report/1`, described by `schema.json` beside this file.

Values of keys are strings, since 2^63-1 does not survive a reader that takes numbers as floats;
measurements are numbers. Every array is always there, perhaps empty; an object that does not apply
is null. Members come in a fixed order, so that two documents can be compared as texts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tunekit.check.model import Finding
from tunekit.engine.model import Change
from tunekit.engine.transaction import Transaction
from tunekit.errors import Location, TunekitError
from tunekit.kernel.host import HostIdentity
from tunekit.probe.model import Measurement
from tunekit.report.escape import well_formed
from tunekit.report.model import (
    SCHEMA,
    BootLine,
    BootRow,
    KeyRow,
    Listing,
    ProfileSummary,
    Report,
)


def render_json(report: Report) -> str:
    """Write a report as an indented JSON document in ASCII, with a newline at its end."""
    return json.dumps(to_json(report), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the document."""
    text = Path(__file__).with_name("schema.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def to_json(report: Report) -> dict[str, Any]:
    """Turn a report into plain data, ready for `json.dumps`."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "command": report.command,
        "exit_code": int(report.exit_code),
        "changed": report.changed,
        "verdict": report.verdict,
        "next_step": report.next_step,
        "host": report.host and _host(report.host),
        "profile": report.profile and _profile(report.profile),
        "transaction": report.transaction and _transaction(report.transaction),
        "changes": [_change(change) for change in report.changes],
        "findings": [_finding(finding) for finding in report.findings],
        "measurements": [_measurement(measurement) for measurement in report.measurements],
        "keys": [_key(row) for row in report.keys],
        "boot": [_boot_row(row) for row in report.boot],
        "transactions": [_transaction(transaction) for transaction in report.transactions],
        "listings": [_listing(listing) for listing in report.listings],
        "text": report.text,
        "errors": [_error(error) for error in report.errors],
        "notes": list(report.notes),
        "data": dict(report.data),
    }
    plain: dict[str, Any] = _plain(document)
    return plain


def _plain(value: Any) -> Any:
    """What JSON can hold: no lone surrogates, no NaN and no infinity."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {well_formed(str(name)): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _host(host: HostIdentity) -> dict[str, Any]:
    return {
        "hostname": host.hostname,
        "boot_id": host.boot_id,
        "kernel": host.kernel,
        "machine": host.machine,
        "netns_cookie": host.netns_cookie,
        "child_netns": host.child_netns,
        "uid": host.uid,
        "euid": host.euid,
        "capabilities": sorted(host.capabilities),
    }


def _profile(profile: ProfileSummary) -> dict[str, Any]:
    return {
        "name": profile.name,
        "path": profile.path,
        "parents": list(profile.parents),
        "variables": {name: profile.variables[name] for name in sorted(profile.variables)},
    }


def _transaction(transaction: Transaction) -> dict[str, Any]:
    return {
        "id": transaction.id,
        "state": transaction.state.value,
        "profile": transaction.profile,
        "path": transaction.path,
        "started": _time(transaction.started),
        "finished": None if transaction.finished is None else _time(transaction.finished),
        "boot_id": transaction.boot_id,
        "kernel": transaction.kernel,
        "netns": transaction.netns,
        "uid": transaction.uid,
        "loginuid": transaction.loginuid,
        "command": transaction.command,
        "version": transaction.version,
        "keys": transaction.keys,
        "files": transaction.files,
    }


def _time(seconds: float) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _change(change: Change) -> dict[str, Any]:
    return {
        "key": change.key,
        "scope": change.subject.scope.kind,
        "scope_id": change.subject.scope.identity,
        "before": change.before,
        "wanted": change.wanted,
        "after": change.after,
        "outcome": change.outcome.value,
        "requirement": change.requirement,
        "optional": change.optional,
        "reason": change.reason,
        "source": change.source,
        "detail": change.detail,
        "remedy": change.remedy,
        **_place(change.location),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "status": finding.status.value,
        "subject": finding.subject,
        "expected": finding.expected,
        "observed": finding.observed,
        "reason": finding.reason,
        "remedy": finding.remedy,
        "waiver": finding.waiver,
        **_place(finding.location),
    }


def _measurement(measurement: Measurement) -> dict[str, Any]:
    return {
        "name": measurement.name,
        "parameters": dict(measurement.parameters),
        "requested": measurement.requested,
        "granted": measurement.granted,
        "predicted": measurement.predicted,
        "measured": measurement.measured,
        "unit": measurement.unit,
        "samples": list(measurement.samples),
        "note": measurement.note,
    }


def _key(row: KeyRow) -> dict[str, Any]:
    return {
        "key": row.key,
        "value": row.value,
        "state": row.state,
        "unit": row.unit,
        "minimum": row.minimum,
        "maximum": row.maximum,
        "default": row.default,
        "scope": row.scope,
        "meaning": row.meaning,
    }


def _boot_row(row: BootRow) -> dict[str, Any]:
    return {
        "key": row.key,
        "running": row.running,
        "boot": row.boot,
        "wanted": row.wanted,
        "status": row.status.value,
        "reason": row.reason,
        "decided_by": row.decided_by and _boot_line(row.decided_by),
        "shadowed": [_boot_line(line) for line in row.shadowed],
    }


def _boot_line(line: BootLine) -> dict[str, Any]:
    return {
        "file": line.file,
        "line": line.line,
        "writer": line.writer,
        "key": line.key,
        "value": line.value,
        "by": line.by,
    }


def _listing(listing: Listing) -> dict[str, Any]:
    rows = [dict(zip(listing.columns, row, strict=True)) for row in listing.rows]
    return {"title": listing.title, "rows": rows}


def _error(error: TunekitError) -> dict[str, Any]:
    return {
        "kind": type(error).__name__,
        "message": error.message,
        "hint": error.hint,
        "key": error.key,
        "path": error.path,
        "errno": error.errno,
        **_place(error.location),
    }


def _place(location: Location | None) -> dict[str, Any]:
    return {
        "file": location.file if location else None,
        "line": location.line if location else None,
    }
