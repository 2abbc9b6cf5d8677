"""What a check says."""

from __future__ import annotations

from enum import Enum

from tunekit.errors import Location
from tunekit.records import dataclass


class Status(Enum):
    """The judgement."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"
    UNKNOWN = "unknown"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One judgement on one subject.

    `remedy` is what mends it: a command where there is one. `waiver` says until when and why a
    finding that would fail is waived.
    """

    check: str
    status: Status
    subject: str
    expected: str = ""
    observed: str = ""
    reason: str = ""
    remedy: str = ""
    waiver: str = ""
    location: Location | None = None
