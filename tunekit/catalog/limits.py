"""Resource limits of a process, as entries beside the sysctls: `rlimit.NAME`, soft and hard."""

from __future__ import annotations

from tunekit.catalog.model import Risk, Scope, Tunable
from tunekit.catalog.shapes import LONG_MAX, vector

RLIM_INFINITY = -1
"""How "no limit" is written, in profiles and in the journal alike."""

_INHERITED = "the process at once; its children at fork"


def _limit(
    name: str,
    unit: str,
    summary: str,
    *,
    default: str = "",
    maximum: int = LONG_MAX,
    unlimited: bool = True,
    floor: int | None = None,
    related: tuple[str, ...] = (),
    risk: Risk = Risk.LOW,
    risk_note: str = "",
    source: str = "getrlimit(2)",
) -> Tunable:
    return Tunable(
        pattern=f"rlimit.{name}",
        fields=vector("soft", "hard", minimum=RLIM_INFINITY if unlimited else 0, maximum=maximum),
        unit=unit,
        scope=Scope.PROCESS,
        summary=summary,
        takes_effect=_INHERITED,
        default=default,
        unlimited=frozenset({RLIM_INFINITY}) if unlimited else frozenset(),
        ordered=True,
        floor=floor,
        related=related,
        risk=risk,
        risk_note=risk_note,
        source=source,
    )


ENTRIES = (
    _limit(
        "nofile",
        "descriptors",
        "One more than the highest descriptor number that the process may open",
        default="1024:4096 from the kernel, 1024:524288 under systemd",
        # "Unlimited" is a large number like any other here, and above fs.nr_open: EPERM for root.
        maximum=2_147_483_584,
        unlimited=False,
        floor=64,
        related=("fs.nr_open", "fs.file-max"),
        risk=Risk.MEDIUM,
        risk_note="the process, and what it starts, cannot open its own files",
        source="fs/file.c alloc_fd; kernel/sys.c do_prlimit; getrlimit(2)",
    ),
    _limit(
        "nproc",
        "tasks",
        "Processes and threads that the user of this process may have",
        default="half of kernel.threads-max",
        floor=16,
        related=("kernel.threads-max", "kernel.pid_max"),
        risk=Risk.MEDIUM,
        risk_note="the user can no longer start a shell",
    ),
    _limit(
        "memlock",
        "bytes",
        "Memory that the process may lock; io_uring and eBPF on older kernels are charged to it",
        default="8 MiB (64 KiB before 5.16)",
    ),
    _limit("core", "bytes", "Largest core dump of the process", default="soft 0, hard none"),
    _limit("data", "bytes", "Initialised data, heap and private writable mappings", default="none"),
    _limit(
        "stack",
        "bytes",
        "Stack of the main thread, and the default of those that the C library makes",
        default="8 MiB, hard none",
        floor=131_072,
        related=("vm.max_map_count",),
        risk_note="programs die at start",
    ),
    _limit("as", "bytes", "Address space of the process", default="none"),
    _limit("fsize", "bytes", "Largest file that the process may write", default="none"),
    _limit("rss", "bytes", "Resident memory; the kernel ignores it since 2.4.30", default="none"),
    _limit("cpu", "seconds", "Processor time after which the process gets SIGXCPU", default="none"),
    _limit("sigpending", "signals", "Signals queued for the user of this process"),
    _limit(
        "msgqueue",
        "bytes",
        "POSIX message queues of the user of this process",
        default="819200",
        related=("fs.mqueue.msg_max",),
    ),
    _limit("nice", "20 - nice value", "Highest priority that the process may give itself"),
    _limit("rtprio", "priority", "Highest real-time priority that the process may ask for"),
    _limit("rttime", "microseconds", "Time that a real-time process may run without sleeping"),
)
