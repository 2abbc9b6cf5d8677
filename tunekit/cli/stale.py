"""`tunekit stale`: what still runs on old values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options, output
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit stale",
        "tunekit stale high-conn --set connections=200k",
        "tunekit stale ./my.yaml --all --format json",
        "tunekit stale --netns blue",
    ),
    "0 nothing runs on old values; 1 something does, or looks so; 2 wrong usage or an invalid "
    "profile; 3 nothing that could be seen does, and something could not be seen.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def stale(
    profile: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROFILE]",
            help="A path, or the name of a profile.  [default: the one applied last]",
            show_default=False,
        ),
    ] = None,
    show_all: Annotated[
        bool, typer.Option("--all", "-a", help="Show also what is in line or does not matter.")
    ] = False,
    assignments: options.SetOption = None,
    netns: options.NetnsOption = None,
    state_dir: options.StateDirOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Find what still runs on old values after a change, and say what mends each.

    A program keeps what it took from a setting when it began: the backlog of a listener, its limit
    of open files, the congestion control of a connection, the sizes of buffers. Other network
    namespaces keep their own copies of settings. Each program is a line for what is old about it,
    however many processes and sockets it has.

    Writes nothing and works for any user; what that user may not see is said.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose, everything=show_all)

    def operation() -> Report:
        from tunekit import api

        chosen = options.load_profile(profile, assignments) if profile is not None else None
        return api.stale(chosen, netns=netns, state_dir=state_dir)

    return output.deliver("stale", look, operation)
