"""The page about kernels says what each did, and what nobody has named."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest

from tests.support.vm import machine
from tools.survey_kernels import Ended, Kernel, is_whole, page


def survey(*differences: dict[str, str], keys: tuple[str, ...] = ("a.b",)) -> dict[str, Any]:
    return {
        "kernel": "6.1.0-test",
        "keys": keys,
        "tried": 1,
        "writes": 5,
        "passed_over": {"a.secret": "a secret"},
        "differences": list(differences),
        "changed": [],
    }


def difference(verdict: str, what: str, why: str = "") -> dict[str, str]:
    return {"key": "a.b", "verdict": verdict, "what": what, "why": why}


def kernel(suite: str, found: dict[str, Any], *, failed: tuple[str, ...] = ()) -> Kernel:
    grant = {"name": "sockbuf.granted", "predicted": 4608, "measured": 4608, "granted": 4608}
    off = {"name": "sockbuf.accepted", "predicted": 102, "measured": 100, "granted": None}
    off["family"] = "inet"
    return Kernel(
        suite=suite,
        tests=Ended(passed=3, failed=failed, skipped=1),
        survey=found,
        spoiling=survey(),
        sockbuf={"exit_code": 0, "rows": [grant, off], "sentences": {}},
    )


def test_what_one_kernel_did_alone_is_where_they_differ() -> None:
    known = difference("narrower", "45 is refused", "a build option")
    both = difference("stricter", "-1 is refused", "a clock")
    text = page(
        [
            kernel("old", survey(known, both)),
            kernel("new", survey(both, keys=("a.b", "a.new"))),
        ]
    )
    differing, everywhere = text.split("## Where these kernels differ")[1].split("## Narrower")
    assert "| `a.b` | 45 is refused | old | a build option |" in differing
    assert "| `a.new` | new |" in differing
    assert "| `a.b` | -1 is refused | a clock |" in everywhere
    assert "| `a.secret` | a secret |" in text
    assert "| `SO_SNDBUF` and `SO_RCVBUF` granted as the rules say | 1 of 1 | 1 of 1 |" in text
    forecast = "| bytes that TCP takes until `EAGAIN`, median error | 2.00% of 1 pairs | 2.00%"
    assert forecast in text


def test_what_nobody_has_named_is_a_failure() -> None:
    found = kernel("odd", survey(difference("wider", "3 is stored")), failed=("tests.vm::one",))
    assert found.fails == ["tests.vm::one failed", "a.b: 3 is stored"]
    assert "**not named**" in page([found])
    assert kernel("good", survey(difference("narrower", "1", "a reason"))).fails == []


def test_a_kernel_of_other_rules_is_said_not_to_fit() -> None:
    sentence = "The rules do not fit this kernel for inet: what they say is left out."
    found = kernel("other", survey())
    found.sockbuf["sentences"]["fill"] = [sentence]  # type: ignore[index]
    assert f"| the rules of `sockbuf` fit | {sentence} |" in page([found])


@pytest.mark.parametrize(
    ("suites", "tested", "whole"),
    [
        (("bookworm", "trixie", "sid"), True, True),
        (("sid", "bullseye", "bookworm", "trixie"), True, True),
        (("bookworm", "trixie", "sid"), False, False),
        (("sid",), True, False),
    ],
)
def test_only_a_whole_run_writes_the_page(
    suites: tuple[str, ...], tested: bool, whole: bool
) -> None:
    assert is_whole(suites, tested=tested) is whole


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the guest is x86-64")
def test_a_kernel_is_booted_where_the_tests_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (machine.QEMU, "vmlinuz-1"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(machine, "CACHE", tmp_path / "empty")

    kernel = tmp_path / "vmlinuz-1"
    assert machine.locate(kernel) == machine.Machine(qemu=tmp_path / machine.QEMU, kernel=kernel)
