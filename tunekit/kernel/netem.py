"""A pair of virtual Ethernet devices between two network namespaces, delayed by netem.

netem is a queueing discipline that a kernel may lack (CONFIG_NET_SCH_NETEM). It and the devices are
made by ip(8) and tc(8), in namespaces of our own.
"""

from __future__ import annotations

import shutil
import subprocess

from tunekit.errors import ProbeRefused

_QUEUE = 100_000
_PATIENCE = 10


def obstacle() -> str | None:
    """Say why netem cannot be used in this network namespace, which must be our own; None if it
    can. It is tried on the loopback device.
    """
    for program in ("ip", "tc"):
        if shutil.which(program) is None:
            return f"no {program}(8)"
    tried = _run("tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms")
    if tried.returncode != 0:
        said = tried.stderr.strip().splitlines() or ["refused"]
        return f"tc: {said[-1].removeprefix('Error: ').rstrip('.')}"
    _run("tc", "qdisc", "del", "dev", "lo", "root")
    return None


def connect(name: str, pid: int) -> None:
    """Make a pair of devices of this name, one here and one in the namespace of a process.

    Raises ProbeRefused.
    """
    _do("ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", str(pid))


def delay(name: str, *, seconds: float, rate: float | None) -> None:
    """Delay what leaves by a device, and hold it to `rate` bytes a second. Raises ProbeRefused."""
    _do("tc", "qdisc", "add", "dev", name, "root", *arguments(seconds=seconds, rate=rate))


def arguments(*, seconds: float, rate: float | None) -> tuple[str, ...]:
    """What tc is told of netem."""
    told = ("netem", "limit", str(_QUEUE), "delay", f"{round(seconds * 1e6)}us")
    return told if rate is None else (*told, "rate", f"{round(rate * 8)}bit")


def _do(*command: str) -> None:
    done = _run(*command)
    if done.returncode != 0:
        raise ProbeRefused(
            f"{command[0]} failed: {done.stderr.strip() or done.returncode}",
            hint=f"see {command[0]}(8)",
        )


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
