"""`tunekit history`: the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunekit.cli import options, output
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    ("tunekit history", "tunekit history --format json"),
    "0 shown, perhaps empty or unknown to this user; 3 the journal cannot be used.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def history(
    state_dir: options.StateDirOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """List the transactions of this host: when, which profile, in what state, and by whom.

    The journal belongs to root; another user is told that it is unknown what it holds.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose)

    def operation() -> Report:
        from tunekit import api

        return api.history(state_dir=state_dir)

    return output.deliver("history", look, operation)
