"""What one kernel says, written to the guest's serial port for tools/survey_kernels.py.

`python -m tests.support.kernel_facts` surveys the catalogue and measures the sockbuf rules;
`--spoiling` tries what spoils the guest for all else.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support import survey
from tests.support.vm.machine import REPORT_PORT

_SOCKBUF = (
    "sockbuf",
    "--part",
    "granted,fill",
    "--family",
    "all",
    "--quick",
    "--format",
    "json",
    "-q",
)
_KEPT = ("name", "predicted", "measured", "granted", "note")


def sockbuf() -> dict[str, Any]:
    """The grants and fills that tunekit measures here, and what it says of them."""
    command = [sys.executable, "-m", "tunekit", *_SOCKBUF]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    report = json.loads(done.stdout)
    rows = [
        {name: row[name] for name in _KEPT} | {"family": row["parameters"].get("family")}
        for row in report["measurements"]
        if row["name"] in ("sockbuf.granted", "sockbuf.accepted")
    ]
    sentences = report["data"].get("sockbuf", {}).get("sentences", {})
    return {"exit_code": done.returncode, "rows": rows, "sentences": sentences}


def main(arguments: list[str]) -> None:
    """Write one line of JSON for each: the survey, and the sockbuf figures."""
    with Path(REPORT_PORT).open("w", encoding="utf-8") as port:
        spoiling = "--spoiling" in arguments
        facts = {"survey": survey.as_json(survey.survey(spoiling=spoiling))}
        port.write(json.dumps(facts) + "\n")
        port.flush()
        if not spoiling:
            port.write(json.dumps({"sockbuf": sockbuf()}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
