"""What tunekit itself costs, against the same interpreter without it: `./tools/bench`.

Ratios of medians, taken by hyperfine in one run on one virtual environment. Prints a table in
Markdown, and no figure is good or bad to it.
"""

from __future__ import annotations

import json
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
COMMANDS = {
    "bare": (sys.executable, "-c", "import typer"),
    "libraries": (sys.executable, "-c", "import typer, yaml, tabulate"),
    "version": (str(BIN / "tunekit"), "--version"),
    "inspect": (str(BIN / "tunekit"), "inspect", "high-conn"),
    "preflight": (str(BIN / "tunekit"), "preflight", "high-conn"),
    "inspect all": (str(BIN / "tunekit"), "inspect", "*"),
    "sysctl": ("sysctl", "-a"),
}
# What every command has loaded by then does not count: most of it is the standard library's.
_CATALOG = """
import time
import typer
start = time.process_time()
import tunekit.catalog
print(time.process_time() - start)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One command: `wall` is the median and `cpu` the mean (user and system), in milliseconds."""

    wall: float
    cpu: float


def measure(commands: Mapping[str, Sequence[str]], runs: int) -> dict[str, Cost]:
    """Time every command with hyperfine."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result.json")
        flags = ["--shell=none", "--warmup=3", f"--runs={runs}", "--style=none"]
        # `inspect` exits with 1 for a drift and `sysctl` with 255 for keys that nobody can read.
        flags += ["--ignore-failure", f"--export-json={result}"]
        lines = [shlex.join(command) for command in commands.values()]
        subprocess.run(["hyperfine", *flags, *lines], check=True, stdout=subprocess.DEVNULL)
        found = json.loads(result.read_text(encoding="utf-8"))["results"]
    return {
        name: Cost(wall=1000 * each["median"], cpu=1000 * (each["user"] + each["system"]))
        for name, each in zip(commands, found, strict=True)
    }


def catalog_import(runs: int) -> float:
    """The median CPU time of importing the catalogue, in milliseconds."""
    command = [sys.executable, "-c", _CATALOG]
    times = [float(subprocess.check_output(command, text=True)) for _ in range(runs)]
    return 1000 * statistics.median(times)


def table(costs: Mapping[str, Cost], catalog: float) -> str:
    """The figures as Markdown."""
    lines = [
        "| what | ms | against | ms | ratio | of CPU time |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
    ]
    for what, own, against, other in (
        ("`tunekit --version`", costs["version"], "`import typer`", costs["bare"]),
        (
            "`tunekit inspect high-conn`",
            costs["inspect"],
            "`import typer, yaml, tabulate`",
            costs["libraries"],
        ),
        (
            "`tunekit preflight high-conn`",
            costs["preflight"],
            "`tunekit inspect high-conn`",
            costs["inspect"],
        ),
    ):
        lines.append(
            f"| {what} | {own.wall:.0f} | {against} | {other.wall:.0f} "
            f"| {own.wall / other.wall:.2f} | {own.cpu / other.cpu:.2f} |"
        )
    beyond, sysctl = costs["inspect all"].cpu - costs["libraries"].cpu, costs["sysctl"].cpu
    lines.append(
        f"| `tunekit inspect '*'`, CPU beyond start-up | {beyond:.0f} | `sysctl -a`, CPU "
        f"| {sysctl:.0f} | | {beyond / sysctl:.2f} |"
    )
    lines.append(f"| `import tunekit.catalog`, after `import typer`, CPU | {catalog:.1f} | | | | |")
    return "\n".join(lines)


def main(runs: int) -> None:
    """Measure and print."""
    costs = measure(COMMANDS, runs)
    print(table(costs, catalog_import(runs)))
    print(f"\nPython {platform.python_version()}, Linux {platform.release()}, {runs} runs each.")


if __name__ == "__main__":
    main(int(sys.argv[1]))
