"""The same question asked of a program of another author: sockperf, when it is installed.

Its server watches N UDP sockets, one of which is active, with select, poll or epoll, and its client
times the way there and back. Both run on whatever processors there are, so that what the server
does after its answer does not show: what is left of the descriptors is the look over them when a
message comes, which is what a call with timeout 0 takes here.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tunekit.errors import ProbeRefused, UsageError
from tunekit.kernel import process
from tunekit.probe.model import Measurement
from tunekit.probe.readiness.model import Mechanism

PROGRAM = "sockperf"
SIZES = (10, 1000)
MECHANISMS = {Mechanism.SELECT: "s", Mechanism.POLL: "p", Mechanism.LEVEL: "e"}
"""What `--iomux-type` calls them."""

_SECONDS = 1
_PATIENCE = 15.0
_MEDIAN = re.compile(r"percentile 50\.0*\s*=\s*([0-9.]+)")


def check() -> None:
    """See that it is installed. Raises UsageError."""
    if shutil.which(PROGRAM) is None:
        raise UsageError(
            f"{PROGRAM} is not installed",
            key="--cross-check",
            hint=f"apt-get install {PROGRAM}",
        )


def measure(
    sizes: Sequence[int] = SIZES, *, observe: Callable[[str], None]
) -> Iterator[Measurement]:
    """Have it measure each mechanism at each size, in seconds of a round trip.

    Raises ProbeRefused when it fails.
    """
    for size in sizes:
        for mechanism, letter in MECHANISMS.items():
            observe(f"{PROGRAM}: {size} sockets, {mechanism.value}")
            with _serving(size, letter) as port:
                seconds = _round_trip(port)
            yield Measurement(
                name="readiness.sockperf",
                measured=seconds,
                unit="s",
                parameters={
                    "family": "udp",
                    "mechanism": mechanism.value,
                    "descriptors": size,
                    "active": 1,
                },
                note="the median round trip by its own count",
            )


def median_of(output: str) -> float | None:
    """Take the median out of what the client prints, in seconds."""
    found = _MEDIAN.search(output)
    return float(found[1]) / 1e6 if found else None


@contextlib.contextmanager
def _serving(count: int, letter: str) -> Iterator[int]:
    """Run its server on so many sockets; yields the port of one in their middle."""
    ports = _free_ports(count)
    parent = os.getpid()
    with tempfile.TemporaryDirectory(prefix="tunekit-") as folder:
        feed = Path(folder, "feed")
        feed.write_text("".join(f"U:127.0.0.1:{port}\n" for port in ports))
        with subprocess.Popen(
            [PROGRAM, "server", "-f", str(feed), "-F", letter],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: process.die_with(parent),
        ) as server:
            try:
                _await_bound(ports[-1], server)
                yield ports[count // 2]
            finally:
                server.kill()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(count):
            one = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            one.bind(("127.0.0.1", 0))
            ports.append(one.getsockname()[1])
        return ports


def _await_bound(port: int, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server has bound its last port, which nobody else can then bind."""
    deadline = time.monotonic() + _PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                return
        time.sleep(0.01)
    raise ProbeRefused(
        f"the server of {PROGRAM} did not start", hint=f"try {PROGRAM} server by hand"
    )


def _round_trip(port: int) -> float:
    command = [
        *(PROGRAM, "ping-pong", "-i", "127.0.0.1", "-p", str(port)),
        *("-t", str(_SECONDS), "--full-rtt"),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ProbeRefused(
            f"{PROGRAM} did not end within {_PATIENCE:g} s", hint=f"try {PROGRAM} by hand"
        ) from error
    seconds = median_of(done.stdout)
    if seconds is None:
        raise ProbeRefused(
            f"{PROGRAM} said no median (exit {done.returncode})", hint=" ".join(command)
        )
    return seconds
