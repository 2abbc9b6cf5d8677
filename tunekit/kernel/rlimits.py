"""The resource limits of a process, read and set with prlimit(2)."""

from __future__ import annotations

import errno
import re
import resource
from pathlib import Path

from tunekit.errors import InvalidValue, ReadFailed
from tunekit.kernel.readings import Cause, Denied, Missing, Reading, Value
from tunekit.kernel.refusals import WriteRefused, refused
from tunekit.kernel.sysctl import Sysctls
from tunekit.values import SysctlKey

UNLIMITED = resource.RLIM_INFINITY

_RESOURCES = {
    "as": resource.RLIMIT_AS,
    "core": resource.RLIMIT_CORE,
    "cpu": resource.RLIMIT_CPU,
    "data": resource.RLIMIT_DATA,
    "fsize": resource.RLIMIT_FSIZE,
    "memlock": resource.RLIMIT_MEMLOCK,
    "msgqueue": resource.RLIMIT_MSGQUEUE,
    "nice": resource.RLIMIT_NICE,
    "nofile": resource.RLIMIT_NOFILE,
    "nproc": resource.RLIMIT_NPROC,
    "rss": resource.RLIMIT_RSS,
    "rtprio": resource.RLIMIT_RTPRIO,
    "rttime": resource.RLIMIT_RTTIME,
    "sigpending": resource.RLIMIT_SIGPENDING,
    "stack": resource.RLIMIT_STACK,
}

NAMES = frozenset(_RESOURCES)
"""The limits that can be read and set, by the names of limits.conf(5) and getrlimit(2)."""

_NR_OPEN = SysctlKey(("fs", "nr_open"))
_LIMIT = re.compile(r"-1|[0-9]{1,19}")
_PAIR = re.compile(rf"({_LIMIT.pattern})(?:\s+({_LIMIT.pattern}))?")


class ProcessLimits:
    """The limits of one process: `pid`, or 0 for this one.

    `start_time` is when it started, in clock ticks since boot; with the pid it identifies the
    process, since pids are used again. Every call checks that the process is still that one.
    Raises ReadFailed when there is no such process.
    """

    def __init__(self, pid: int = 0, *, proc: Path = Path("/proc")) -> None:
        self.pid = pid
        self._proc = proc
        started = read_start_time(pid, proc=proc)
        if started is None:
            raise ReadFailed(
                "no such process", key=f"pid {pid}", errno=errno.ESRCH, hint="see ps -e"
            )
        self.start_time = started

    def read(self, name: str) -> Reading:
        """Read a limit as `SOFT HARD`, where -1 is unlimited.

        Missing means that the process has ended. Raises KeyError for a name not in NAMES.
        """
        number = _RESOURCES[name]
        if not self._is_there():
            return Missing()
        try:
            soft, hard = resource.prlimit(self.pid, number)
        except ProcessLookupError:
            return Missing()
        except OSError as error:
            return Denied(Cause.NOT_PERMITTED, error.errno or errno.EPERM)
        return Value(f"{soft} {hard}")

    def write(self, name: str, text: str) -> None:
        """Set a limit from `SOFT HARD`, or from one number for both; -1 is unlimited.

        Raises WriteRefused with the rule of setrlimit(2) that was broken, InvalidValue for a text
        that is no limit, KeyError for a name not in NAMES.
        """
        number = _RESOURCES[name]
        soft, hard = _parse(text, name)
        if not self._is_there():
            raise self._gone(name)
        try:
            resource.prlimit(self.pid, number, (soft, hard))
        except (OSError, ValueError) as error:
            raise self._refusal(name, soft, hard, error) from error

    def _is_there(self) -> bool:
        return read_start_time(self.pid, proc=self._proc) == self.start_time

    def _gone(self, name: str) -> WriteRefused:
        return refused(
            Cause.MISSING,
            key=f"rlimit.{name}",
            errno=errno.ESRCH,
            message=f"process {self.pid} has ended",
            hint="nothing to do: its limits ended with it",
        )

    def _refusal(self, name: str, soft: int, hard: int, error: Exception) -> WriteRefused:
        # Python turns EINVAL into a ValueError (Modules/resource.c), with soft > hard in mind.
        number = errno.EINVAL
        if isinstance(error, OSError) and error.errno is not None:
            number = error.errno
        key = f"rlimit.{name}"
        if number == errno.ESRCH:
            return self._gone(name)
        if number == errno.EINVAL:
            return refused(
                Cause.OUT_OF_RANGE,
                key=key,
                errno=number,
                message=f"the soft limit {_shown(soft)} is above the hard limit {_shown(hard)}",
                hint="raise the hard limit too, or lower the soft one",
            )
        if number != errno.EPERM:
            return refused(Cause.REFUSED, key=key, errno=number)
        # do_prlimit() in kernel/sys.c checks fs.nr_open first, for everybody.
        ceiling = self._nr_open() if name == "nofile" else None
        if ceiling is not None and (hard == UNLIMITED or hard > ceiling):
            return refused(
                Cause.OUT_OF_RANGE,
                key=key,
                errno=number,
                message=f"the hard limit {_shown(hard)} is above fs.nr_open = {ceiling}",
                hint="raise fs.nr_open first, or ask for less; root is bound by it too",
            )
        now = self.read(name)
        if not isinstance(now, Value):
            return refused(
                Cause.NOT_PERMITTED,
                key=key,
                errno=number,
                message=f"process {self.pid} belongs to somebody else",
                hint="run as its user or as root",
            )
        return refused(
            Cause.NOT_PERMITTED,
            key=key,
            errno=number,
            message=f"raising the hard limit from {_shown(int(now.text.split()[1]))} to "
            f"{_shown(hard)} needs CAP_SYS_RESOURCE",
            hint="run as root on the host, or let the container's runtime raise it",
        )

    def _nr_open(self) -> int | None:
        reading = Sysctls(self._proc / "sys").read(_NR_OPEN)
        return int(reading.text) if isinstance(reading, Value) else None


def read_start_time(pid: int = 0, *, proc: Path = Path("/proc")) -> int | None:
    """Return when a process started, in clock ticks since boot; None if there is none.

    `pid` 0 is this process.
    """
    path = proc / (str(pid) if pid else "self") / "stat"
    try:
        return parse_start_time(path.read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return None


def parse_start_time(stat: bytes) -> int:
    """Take the start time out of /proc/PID/stat: field 22 (proc(5)), in clock ticks since boot.

    The second field, the command's name in parentheses, may itself hold blanks and parentheses.
    """
    return int(stat[stat.rindex(b")") + 1 :].split()[19])


def _parse(text: str, name: str) -> tuple[int, int]:
    match = _PAIR.fullmatch(text.strip())
    if not match:
        raise InvalidValue(
            f"{text!r} is not a soft and a hard limit",
            key=f"rlimit.{name}",
            hint="write two numbers, -1 for unlimited",
        )
    soft = int(match[1])
    return soft, int(match[2]) if match[2] else soft


def _shown(limit: int) -> str:
    return "unlimited" if limit == UNLIMITED else str(limit)
