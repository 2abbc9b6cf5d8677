"""`python -m tests.support.vm CMD...`: run one command in a guest and show its console."""

from __future__ import annotations

import sys

from tests.support.vm import machine


def main(argv: list[str]) -> int:
    if not argv:
        print("usage: python -m tests.support.vm CMD...", file=sys.stderr)
        return 2
    found = machine.locate()
    if isinstance(found, str):
        print(found, file=sys.stderr)
        return 125
    outcome = machine.run(found, argv, show=True)
    if outcome.exit_status is None:
        print("the guest did not end by itself", file=sys.stderr)
        return 125
    return outcome.exit_status


sys.exit(main(sys.argv[1:]))
