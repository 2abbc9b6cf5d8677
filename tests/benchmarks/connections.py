"""How fast connections are opened and proved, against a C program of the same shape:
`./tools/bench verify --yardstick hold.c`.

The yardstick is compiled here and run in turn with `tunekit verify`, so that whatever else the
machine does meets both. It is called as `hold CONNECTIONS PER_PROCESS` and prints lines such as
`connect 200000 in 3.05 s: 65573/s`. Prints a table in Markdown; no figure is good or bad to it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_RATE = re.compile(r"^(connect|echo) \d+ in [\d.]+ s: (\d+)/s$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: connects and echoes a second, and processor time a connection in microseconds."""

    connect: float
    echo: float
    user: float
    system: float


def yardstick(program: Path, connections: int, each: int) -> Run:
    """Run the C program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [str(program), str(connections), str(each)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    rates = {name: float(rate) for name, rate in _RATE.findall(text)}
    return Run(
        connect=rates["connect"],
        echo=rates["echo"],
        user=1e6 * (after.ru_utime - before.ru_utime) / connections,
        system=1e6 * (after.ru_stime - before.ru_stime) / connections,
    )


def verify(connections: int, each: int) -> Run:
    """Run `tunekit verify` with as many connections in a process."""
    command = [sys.executable, "-m", "tunekit", "verify", "--quiet", "--format", "json"]
    command += ["--connections", str(connections), "--processes", str(-(-connections // each))]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = json.loads(text)["measurements"]

    def total(name: str, **parameters: object) -> float:
        return sum(
            row["measured"]
            for row in rows
            if row["name"] == name and parameters.items() <= row["parameters"].items()
        )

    return Run(
        connect=next(row["measured"] for row in rows if row["name"] == "connect.rate"),
        echo=total("echo.rate", round=1),
        user=1e6 * total("cpu.user"),
        system=1e6 * total("cpu.system"),
    )


def compiled(source: Path, folder: Path) -> Path:
    """Compile the yardstick."""
    program = folder / "yardstick"
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-O2", "-o", str(program), str(source)], check=True)
    return program


def table(own: Sequence[Run], other: Sequence[Run]) -> str:
    """The medians as Markdown."""
    titles = (
        ("connect", "connects a second", "{:,.0f}"),
        ("echo", "echoes a second", "{:,.0f}"),
        ("user", "user CPU a connection, us", "{:.2f}"),
        ("system", "system CPU a connection, us", "{:.1f}"),
    )
    lines = ["| median | `tunekit verify` | yardstick | ratio |", "| --- | ---: | ---: | ---: |"]
    for field, title, form in titles:
        mine, theirs = (
            statistics.median(getattr(run, field) for run in runs) for runs in (own, other)
        )
        ratio = f"{mine / theirs:.2f}" if theirs else "-"
        lines.append(f"| {title} | {form.format(mine)} | {form.format(theirs)} | {ratio} |")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="./tools/bench verify", description=__doc__)
    parser.add_argument("--yardstick", type=Path, required=True, metavar="FILE.c")
    parser.add_argument("--connections", type=int, default=200_000)
    parser.add_argument("--each", type=int, default=5_000, help="connections in a process")
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args(arguments)
    own, other = [], []
    with tempfile.TemporaryDirectory() as folder:
        program = compiled(chosen.yardstick, Path(folder))
        for _ in range(chosen.runs):
            other.append(yardstick(program, chosen.connections, chosen.each))
            own.append(verify(chosen.connections, chosen.each))
    print(table(own, other))
    print(
        f"\n{chosen.connections:,} connections, {chosen.each:,} a process, {chosen.runs} "
        f"alternating runs; Python {platform.python_version()}, Linux {platform.release()}, "
        f"{os.cpu_count()} processors."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
