"""The one place where the engine meets the kernel: read a subject, write a subject.

Tests give the engine a machine of their own: one that dies after its n-th write, or one in
memory.
"""

from __future__ import annotations

from tunekit.engine.model import Subject
from tunekit.engine.scope import process_of
from tunekit.errors import TunekitError
from tunekit.kernel.readings import Missing, Reading, Value
from tunekit.kernel.rlimits import ProcessLimits
from tunekit.kernel.sysctl import Sysctls
from tunekit.profile.evaluate import RLIMIT_PREFIX
from tunekit.values import SysctlKey


class Machine:
    """The running host, as seen from this network namespace."""

    def __init__(self, sysctls: Sysctls | None = None) -> None:
        self.sysctls = sysctls or Sysctls()

    def read(self, subject: Subject) -> Reading:
        """Read the value of a subject; a process that is gone, or another one under its number,
        is Missing.
        """
        if subject.scope.is_process:
            limits = self._limits(subject)
            return limits.read(_limit_name(subject)) if limits else Missing()
        return self.sysctls.read(SysctlKey.parse(subject.name))

    def write(self, subject: Subject, text: str) -> None:
        """Write the whole value of a subject. Raises WriteRefused, or ReadFailed's kin when the
        process is gone.
        """
        if not subject.scope.is_process:
            self.sysctls.write(SysctlKey.parse(subject.name), text)
            return
        limits = self._limits(subject)
        if limits is None:
            raise TunekitError("the process has ended", key=subject.name)
        limits.write(_limit_name(subject), text)

    def text(self, subject: Subject) -> str | None:
        """The value of a subject as text, None where there is none to read."""
        reading = self.read(subject)
        return reading.text if isinstance(reading, Value) else None

    def _limits(self, subject: Subject) -> ProcessLimits | None:
        pid, start_time = process_of(subject.scope)
        try:
            limits = ProcessLimits(pid)
            return limits if limits.start_time == start_time else None
        except (OSError, TunekitError):
            return None


def _limit_name(subject: Subject) -> str:
    return subject.name.removeprefix(RLIMIT_PREFIX)
