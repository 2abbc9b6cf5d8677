"""`tunekit rollback`: undo a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options, output
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    ("tunekit rollback", "tunekit rollback 3", "tunekit rollback 3 --force"),
    "0 undone; 2 no such transaction, or none to undo; 3 the journal cannot be used, nothing was "
    "changed; 5 incomplete: the keys that are named were left as they are; 6 another run holds "
    "the lock; 130, 143 a signal came: what was begun was finished first.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def rollback(
    transaction: Annotated[
        int | None,
        typer.Argument(
            metavar="[ID]",
            min=1,
            help="The number that apply and history show. Without it: the unfinished transaction, "
            "else the last one.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Undo also the values that somebody else changed since."),
    ] = False,
    netns: options.NetnsOption = None,
    state_dir: options.StateDirOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Undo a transaction.

    Each key goes to what the other transactions still ask of it, or back to the value that it had
    before the first of them. A value that somebody else changed since is left alone and named,
    and the rest goes on.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose, everything=verbose)

    def operation() -> Report:
        from tunekit import api

        return api.rollback(transaction, force=force, netns=netns, state_dir=state_dir)

    return output.deliver("rollback", look, operation)
