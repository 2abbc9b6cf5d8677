"""The console entry point: `tunekit` and `python -m tunekit`."""

from __future__ import annotations

import gc
import sys

_COLLECT_AFTER = 100_000


def main() -> None:
    """Run the command line and exit with its code."""
    # What importing allocates stays: looking through it for garbage after every 700 objects, as
    # Python does, is a twentieth of the time of an inspect.
    gc.set_threshold(_COLLECT_AFTER)
    if sys.argv[1:2] == ["__complete"]:
        from tunekit.cli.completing import answer

        sys.stdout.write(answer(sys.argv[2:]))
        return
    from tunekit.cli.app import run

    code = run(sys.argv[1:])
    # Neither is the process's end a time to look for it: the interpreter would, several times.
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
