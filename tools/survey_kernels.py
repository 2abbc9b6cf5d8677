"""Try tunekit on several kernels and write docs/reference/kernels.md, or print it when the run was
not a whole one; ./tools/kernels calls it.

Each kernel boots three times: for the tests marked `vm`; for the survey of the catalogue and the
rules of `sockbuf`; and for the keys of the catalogue that spoil a machine. Exits with 1 when a
test failed or a kernel did what nothing names.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from xml.etree import ElementTree

from tests.support.vm import machine
from tunekit import catalog
from tunekit.catalog.model import Scope

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "kernels.md"

_ALL = ("bookworm", "trixie", "sid")
_WITHOUT = "--no-tests"
_NOT_RUN = "not run"

Differs = tuple[str, str, str]
"""A key, what a kernel did with a value of it, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the tests marked `vm` ended."""

    passed: int
    failed: tuple[str, ...]
    skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """What one kernel did; `survey` and `spoiling` as tests/support/survey.py gives them.

    `tests` is None where they were not run.
    """

    suite: str
    tests: Ended | None
    survey: Mapping[str, Any]
    spoiling: Mapping[str, Any]
    sockbuf: Mapping[str, Any]

    @property
    def release(self) -> str:
        return str(self.survey["kernel"])

    @property
    def differences(self) -> list[Mapping[str, str]]:
        return [*self.survey["differences"], *self.spoiling["differences"]]

    @property
    def fails(self) -> list[str]:
        """What nobody has named, in words."""
        return [
            *(f"{name} failed" for name in (self.tests.failed if self.tests else ())),
            *(f"{d['key']}: {d['what']}" for d in self.differences if not d["why"]),
            *(f"{key} was not put back" for key in self.survey["changed"]),
        ]


def main(arguments: Sequence[str]) -> int:
    """Try the kernel of each suite, as tools/kernels has put it into .vm/suites.

    `--no-tests` leaves the tests out, which take the most time.
    """
    tested = _WITHOUT not in arguments
    suites = [each for each in arguments if each != _WITHOUT]
    kernels = [_try(suite, tested=tested) for suite in suites]
    if is_whole(suites, tested=tested):
        PAGE.write_text(page(kernels), encoding="utf-8")
        print(f"wrote {PAGE.relative_to(ROOT)}", file=sys.stderr)
    else:
        print(page(kernels), end="")
    for kernel in kernels:
        for text in kernel.fails:
            print(f"{kernel.release}: {text}", file=sys.stderr)
    return int(any(kernel.fails for kernel in kernels))


def is_whole(suites: Sequence[str], *, tested: bool) -> bool:
    """Tell whether the page of this run may stand in the place of the last whole one."""
    return tested and set(suites) >= set(_ALL)


def _try(suite: str, *, tested: bool) -> Kernel:
    image = next(iter((machine.CACHE / "suites" / suite).glob("vmlinuz-*")), None)
    if image is None:
        raise SystemExit(f"no kernel of {suite} in .vm/suites; run ./tools/kernels")
    guest = machine.locate(image)
    if isinstance(guest, str):
        raise SystemExit(guest)
    print(f"{suite}: {image.name}", file=sys.stderr)
    facts = _facts(guest)
    return Kernel(
        suite=suite,
        tests=_tests(image) if tested else None,
        survey=facts["survey"],
        sockbuf=facts["sockbuf"],
        spoiling=_facts(guest, "--spoiling")["survey"],
    )


def _facts(guest: machine.Machine, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.support.kernel_facts", *arguments]
    outcome = machine.run(guest, command, timeout=1200)
    if outcome.exit_status != 0:
        end = "\n".join(outcome.console.splitlines()[-40:])
        raise SystemExit(f"the guest with {guest.kernel.name} failed; its console:\n{end}")
    return {name: value for record in outcome.records for name, value in record.items()}


def _tests(image: Path) -> Ended:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-m",
            "vm and not full",
            "tests/vm",
            f"--junitxml={report}",
        ]
        environment = os.environ | {"TUNEKIT_VM_KERNEL": str(image)}
        subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False)
        cases = list(ElementTree.parse(report).iter("testcase"))
    failed = [
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    skipped = sum(case.find("skipped") is not None for case in cases)
    return Ended(passed=len(cases) - len(failed) - skipped, failed=tuple(failed), skipped=skipped)


_INTRODUCTION = """# Kernels

<!-- Made by `./tools/kernels`: a full run writes this page again. -->

tunekit was tried on these kernels of Debian's suites, each booted under QEMU. Every key of the
catalogue that a kernel has was written with its smallest and its largest value, with one below and
one above, and with a field too many. The catalogue has the widest range of all kernels, so that one
of them may be narrower: why is said below. *Not named* counts what neither the catalogue says nor
the lists below."""

_NOT_TRIED = """## Not tried

Keys of which a value cannot be taken back, and those that spoil the machine for what comes next,
were tried on a boot of their own. These were not written at all:"""


def page(kernels: Sequence[Kernel]) -> str:
    """The page of the documentation, in Markdown."""
    parts = (
        _INTRODUCTION,
        _table(("", *(kernel.suite for kernel in kernels)), _figures(kernels)),
        "## Where these kernels differ",
        _table(("key", "what it did", "on", "why"), _differing(kernels)),
        "Keys that not all of them have:",
        _table(("key", "on"), _missing(kernels)),
        "## Narrower than the catalogue on all of them",
        _table(("key", "what it did", "why"), _everywhere(kernels)),
        _NOT_TRIED,
        _table(("key", "why"), sorted(set().union(*map(_not_tried, kernels)))),
    )
    return "\n\n".join(parts) + "\n"


def _figures(kernels: Sequence[Kernel]) -> Iterator[tuple[str, ...]]:
    """One row for each figure, one column for each kernel."""
    total = sum(each.scope is not Scope.PROCESS for each in catalog.entries())
    figures: dict[str, Callable[[Kernel], object]] = {
        "kernel": lambda k: k.release,
        f"keys that it has, of the catalogue's {total}": lambda k: len(k.survey["keys"]),
        "of these tried": lambda k: k.survey["tried"] + k.spoiling["tried"],
        "on a boot of their own": lambda k: k.spoiling["tried"],
        "not tried": lambda k: len(_not_tried(k)),
        "writes": lambda k: k.survey["writes"] + k.spoiling["writes"],
        "not stored inside the range": lambda k: _count(k, "narrower"),
        "not stored outside it, where others store": lambda k: _count(k, "stricter"),
        "stored outside it, not named": lambda k: _count(k, "wider"),
        "of another shape, not named": lambda k: _count(k, "fields") + _count(k, "unreadable"),
        "differences not named": lambda k: sum(not each["why"] for each in k.differences),
        "tests of `tests/vm` passed": lambda k: k.tests.passed if k.tests else _NOT_RUN,
        "failed": lambda k: len(k.tests.failed) if k.tests else _NOT_RUN,
        "skipped": lambda k: k.tests.skipped if k.tests else _NOT_RUN,
        "`SO_SNDBUF` and `SO_RCVBUF` granted as the rules say": _grants,
        "bytes that TCP takes until `EAGAIN`, median error": _fill,
        "the rules of `sockbuf` fit": _fit,
    }
    for name, figure in figures.items():
        yield name, *(str(figure(kernel)) for kernel in kernels)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def _count(kernel: Kernel, verdict: str) -> int:
    return sum(each["verdict"] == verdict for each in kernel.differences)


def _not_tried(kernel: Kernel) -> set[tuple[str, str]]:
    """What neither boot tried, and why."""
    passed = kernel.spoiling["passed_over"]
    both = kernel.survey["passed_over"].keys() & passed.keys()
    return {(f"`{key}`", passed[key]) for key in both}


def _differs(kernel: Kernel) -> set[Differs]:
    return {
        (
            f"`{each['key']}`",
            each["what"],
            each["why"] or "**not named**",
        )
        for each in kernel.differences
    }


def _differing(kernels: Sequence[Kernel]) -> Iterator[tuple[str, ...]]:
    for key, what, why in sorted(set().union(*map(_differs, kernels))):
        having = [k.suite for k in kernels if (key, what, why) in _differs(k)]
        if len(having) < len(kernels):
            yield key, what, ", ".join(having), why


def _everywhere(kernels: Sequence[Kernel]) -> list[Differs]:
    return sorted(set.intersection(*map(_differs, kernels)))


def _missing(kernels: Sequence[Kernel]) -> Iterator[tuple[str, str]]:
    for key in sorted(set().union(*(k.survey["keys"] for k in kernels))):
        having = [kernel.suite for kernel in kernels if key in kernel.survey["keys"]]
        if len(having) < len(kernels):
            yield f"`{key}`", ", ".join(having)


def _grants(kernel: Kernel) -> str:
    rows = [row for row in kernel.sockbuf["rows"] if row["name"] == "sockbuf.granted"]
    said = [row for row in rows if row["predicted"] is not None and row["granted"] is not None]
    right = sum(row["predicted"] == row["granted"] for row in said)
    return f"{right} of {len(said)}"


def _errors(kernel: Kernel) -> list[float]:
    return [
        abs(row["predicted"] - row["measured"]) / row["measured"]
        for row in kernel.sockbuf["rows"]
        if row["name"] == "sockbuf.accepted"
        and row["family"] in ("inet", "inet6")
        and row["predicted"] is not None
        and row["measured"]
    ]


def _fill(kernel: Kernel) -> str:
    errors = _errors(kernel)
    return f"{median(errors):.2%} of {len(errors)} pairs" if errors else "no forecast"


def _fit(kernel: Kernel) -> str:
    """Whether the rules of `sockbuf` are those of this kernel, by its own judgement."""
    unfitting = [
        text
        for sentences in kernel.sockbuf["sentences"].values()
        for text in sentences
        if "do not fit" in text or "follows other rules" in text
    ]
    if kernel.sockbuf["exit_code"] != 0:
        return f"not measured: exit code {kernel.sockbuf['exit_code']}"
    return "; ".join(unfitting) or "yes"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
