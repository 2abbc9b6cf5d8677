"""`tunekit sockbuf`: one JSON document, runs that are kept and compared, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tunekit.report.json import schema

pytestmark = pytest.mark.kernel

ROOT = Path(__file__).parents[2]


def tunekit(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tunekit", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={**os.environ, "COLUMNS": "400"},
    )


@pytest.mark.slow
def test_a_kept_run_is_set_beside_the_next(tmp_path: Path) -> None:
    kept = tmp_path / "before.json"
    arguments = ("--part", "granted,fill", "--sndbuf", "4k", "--rcvbuf", "4k", "--family", "inet")
    first = tunekit("sockbuf", *arguments, "--save", str(kept), "--format", "json")
    assert first.returncode == 0
    document = json.loads(first.stdout)
    Draft202012Validator(schema()).validate(document)
    assert json.loads(kept.read_text())["schema"] == "tunekit.saved/1"
    names = {row["name"] for row in document["measurements"]}
    assert {
        "sockbuf.granted",
        "sockbuf.accepted",
        "sockbuf.unacked",
        "sockbuf.unread",
    } <= names
    second = tunekit("sockbuf", *arguments, "--compare", str(kept))
    assert second.returncode == 0
    assert f"compared with {kept}" in " ".join(second.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--part", "fills"), "--part: 'fills' is no part; one of granted, fill"),
        (("--family", "ipx"), "--family: 'ipx' is no family; one of inet, inet6"),
        (("--rtt", "5"), "--rtt: '5' is not a round trip between 1ms and 2s; write 20ms"),
        (("--rate", "fast"), "--rate: 'fast' is not a rate of 1mbit or more; write 400mbit"),
        (("--compare", "/nowhere.json"), "/nowhere.json: cannot be read: No such file"),
        (("--save", "/nowhere/x.json"), "/nowhere/x.json: its folder is not there; mkdir -p"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_measured(
    arguments: tuple[str, ...], message: str
) -> None:
    done = tunekit("sockbuf", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
