"""What could not be looked at, and what that leaves unknown."""

from __future__ import annotations

from collections.abc import Iterator

from tunekit.check.model import Finding, Status
from tunekit.check.stale.model import Wanted, counted, listed
from tunekit.kernel.running import Running

CHECK = "stale.unseen"


def judge(running: Running, wanted: Wanted) -> Iterator[Finding]:
    """Name each thing that was not seen."""
    if wanted.journal:
        yield Finding(
            check=CHECK,
            status=Status.UNKNOWN,
            subject="journal",
            observed=wanted.journal,
            reason="which values were there before is not known; only the kernel's defaults are",
            remedy="run as root",
        )
    if running.unasked:
        yield Finding(
            check=CHECK,
            status=Status.UNKNOWN,
            subject="sockets",
            observed=running.unasked,
            reason="the kernel does not list its sockets here (sock_diag(7))",
            remedy="modprobe -a tcp_diag udp_diag; in a sandbox, run outside of it",
        )
    if running.hidden:
        yield Finding(
            check=CHECK,
            status=Status.UNKNOWN,
            subject="processes",
            observed="this mount of /proc hides the processes of others (hidepid)",
            reason="a program that is not shown may run on old values",
            remedy="run as root",
        )
    closed = [each for each in running.programs if each.unreadable]
    if closed and not running.every_holder_seen:
        count = sum(each.unreadable for each in closed)
        yield Finding(
            check=CHECK,
            status=Status.UNKNOWN,
            subject=counted(count, "process", "processes"),
            observed=f"open files may not be seen: {listed([each.name for each in closed], 5)}",
            reason="which sockets are theirs is not known",
            remedy="run as root; in a container CAP_SYS_PTRACE is needed too",
        )
