"""The one result that every command returns and every renderer takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from tunekit.errors import ExitCode, TunekitError
from tunekit.records import dataclass

if TYPE_CHECKING:
    from tunekit.check.model import Finding, Status
    from tunekit.engine.model import Change
    from tunekit.engine.transaction import Transaction
    from tunekit.kernel.host import HostIdentity
    from tunekit.probe.model import Measurement

SCHEMA = "tunekit.report/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSummary:
    """The profile that a report is about."""

    name: str
    path: str
    parents: tuple[str, ...] = ()
    variables: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A key as `inspect KEY` shows it; texts are empty where nothing is known."""

    key: str
    value: str | None
    state: str = ""
    unit: str = ""
    minimum: str = ""
    maximum: str = ""
    default: str = ""
    scope: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootLine:
    """A line that sets a key at boot, or would: `by` names what keeps it from that.

    `key` is the line's own spelling, which may be a pattern; `value` is None for an exclusion.
    """

    file: str
    line: int | None
    writer: str
    key: str
    value: str | None
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootRow:
    """A key now and after the next boot; None where that cannot be told."""

    key: str
    running: str | None
    boot: str | None
    wanted: str
    status: Status
    reason: str
    decided_by: BootLine | None = None
    shadowed: tuple[BootLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Rows of texts under the names of their columns, such as the profiles there are."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a command found, did and measured.

    `verdict` is the answer in one sentence, `next_step` what the user can do now. `changed`
    tells whether anything on the host is different than before. `notes` are remarks that stop
    nothing. `text` is the file that a command makes: then it is all that a person gets on standard
    output. `data` holds what only one command has, JSON-ready.
    """

    command: str
    exit_code: ExitCode = ExitCode.OK
    changed: bool = False
    verdict: str = ""
    next_step: str = ""
    host: HostIdentity | None = None
    profile: ProfileSummary | None = None
    transaction: Transaction | None = None
    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    keys: tuple[KeyRow, ...] = ()
    boot: tuple[BootRow, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    listings: tuple[Listing, ...] = ()
    text: str = ""
    errors: tuple[TunekitError, ...] = ()
    notes: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
