"""`tunekit explain`: what a tunable is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options, output
from tunekit.errors import UsageError
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit explain net.core.somaxconn",
        "tunekit explain SO_SNDBUF RLIMIT_NOFILE backlog",
        "tunekit explain --search 'time_wait'",
        "tunekit explain --list --format json",
    ),
    "0 explained; 1 the search found nothing; 2 wrong usage, or a name that nobody knows.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def explain(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY | SUBJECT...]",
            help="Keys, globs of known keys, or the names of limits and socket options.",
            show_default=False,
        ),
    ] = None,
    search: Annotated[
        str | None,
        typer.Option("--search", metavar="WORD", help="List the entries with these words in them."),
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List every entry.")] = False,
    netns: options.NetnsOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Say what a tunable is, what it is here, and what it is not.

    Type, unit, range, default, the values running and after boot, whose it is, when a change takes
    effect and for whom, what it acts on together with, its risk, history and source. The kernel's
    own default is read in a new network namespace, where the key has one and one can be made.

    Beside the keys there are RLIMIT_NOFILE, SO_SNDBUF, SO_RCVBUF, SO_REUSEPORT, TCP_NOTSENT_LOWAT,
    the listen backlog and NAPI's budget. Writes nothing and works for any user.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose)

    def operation() -> Report:
        from tunekit import api

        ways = sum((bool(names), search is not None, list_all))
        if ways != 1 or search == "":
            raise UsageError(
                "nothing to explain" if not ways or search == "" else "too much at once",
                hint="name keys, or search for a word with --search WORD, or see all with --list",
            )
        return api.explain(tuple(names or ()), search=search, netns=netns)

    return output.deliver("explain", look, operation)
