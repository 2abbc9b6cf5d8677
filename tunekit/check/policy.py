"""What the judgements of a gate come to: the exit code."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from tunekit.check.model import Finding, Status
from tunekit.errors import ExitCode


class Policy(Enum):
    """What a warning and what cannot be told do to the exit code; a failure is always 1."""

    STRICT = "strict"
    """Both are 1."""
    DEFAULT = "default"
    """A warning is 0, what cannot be told is 3."""
    LENIENT = "lenient"
    """Both are 0."""

    def stops_at(self, status: Status) -> bool:
        """Tell whether a judgement keeps a build from going to the host."""
        if status is Status.UNKNOWN:
            return self is not Policy.LENIENT
        return status is Status.FAIL or (status is Status.WARN and self is Policy.STRICT)


def exit_code(findings: Iterable[Finding], policy: Policy) -> ExitCode:
    """The answer of a gate: 0 to go on, 1 for no, 3 when it cannot be told.

    A no stays a no, whatever else cannot be told.
    """
    stopping = {row.status for row in findings if policy.stops_at(row.status)}
    if not stopping:
        return ExitCode.OK
    if stopping == {Status.UNKNOWN} and policy is Policy.DEFAULT:
        return ExitCode.IMPOSSIBLE
    return ExitCode.NO
