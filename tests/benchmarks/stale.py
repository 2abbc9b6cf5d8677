"""What `tunekit stale` costs on a host with many sockets and processes: `./tools/bench stale`.

Connections over loopback, both ends in the same process, spread over many processes with a listener
each; all of them end with this one. Prints a table in Markdown; no figure is good or bad to it.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import platform
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tests.support.fence import MARK

_PR_SET_PDEATHSIG = 1
_PROFILE = "high-conn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: seconds of wall and processor time, and the most memory that was resident, in MB."""

    wall: float
    cpu: float
    memory: float


@contextmanager
def load(sockets: int, processes: int) -> Iterator[None]:
    """Hold connections open while something else is measured; everything ends with this process."""
    each = max(1, sockets // (2 * processes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * each + 64, 2 * each + 64))
    # Otherwise each child would copy what the collector touches.
    gc.disable()
    gc.freeze()
    libc = ctypes.CDLL(None)
    ready, said = os.pipe()
    children = []
    try:
        for number in range(processes):
            pid = os.fork()
            if pid == 0:
                libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                _hold(f"127.1.{number // 250}.{number % 250 + 1}", each, said)
            children.append(pid)
        waiting = processes
        while waiting:
            waiting -= len(os.read(ready, 4096))
        yield
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)


def _hold(address: str, connections: int, said: int) -> NoReturn:
    server = socket.create_server((address, 5000), backlog=4096)
    kept = []
    for _ in range(connections):
        kept.append(socket.create_connection(server.getsockname()).detach())
        kept.append(server.accept()[0].detach())
    os.write(said, b".")
    while True:
        signal.pause()


def measure(arguments: Sequence[str]) -> Run:
    """Run tunekit once."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "tunekit", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, _, used = os.wait4(process.pid, 0)
    return Run(
        wall=time.perf_counter() - began,
        cpu=used.ru_utime + used.ru_stime,
        memory=used.ru_maxrss / 1024,
    )


def table(found: Sequence[tuple[str, Sequence[Run]]]) -> str:
    """The medians as Markdown."""
    lines = [
        "| command | wall, s | lowest | CPU, s | memory, MB |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, runs in found:
        wall, cpu, memory = (
            statistics.median(getattr(run, field) for run in runs)
            for field in ("wall", "cpu", "memory")
        )
        lowest = min(run.wall for run in runs)
        lines.append(f"| `{name}` | {wall:.2f} | {lowest:.2f} | {cpu:.2f} | {memory:.0f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="./tools/bench stale", description=__doc__)
    parser.add_argument("--sockets", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=7)
    chosen = parser.parse_args(arguments)
    if MARK not in os.environ:
        raise SystemExit("only inside the fence: ./tools/bench stale")
    # With what is listened on now being what looks old, and every kind of check having work.
    subprocess.run(
        [sys.executable, "-m", "tunekit", "apply", _PROFILE, "--no-probe", "--keep-going"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    lines = (
        ("inspect", _PROFILE),
        ("stale", _PROFILE, "--netns", str(os.getpid())),
        ("stale", _PROFILE, "--format", "json"),
    )
    with load(chosen.sockets, chosen.processes):
        count = Path("/proc/net/sockstat").read_text().splitlines()[1]
        found = [
            (" ".join(line[:3]), [measure(line) for _ in range(chosen.runs)]) for line in lines
        ]
    print(table(found))
    print(
        f"\n{chosen.sockets:,} sockets in {chosen.processes:,} processes ({count.strip()}), "
        f"{chosen.runs} runs; Python {platform.python_version()}, Linux {platform.release()}, "
        f"{os.cpu_count()} processors."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
