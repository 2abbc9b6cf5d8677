"""`tunekit verify`: prove a number of connections with real sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options, output
from tunekit.cli.progress import Narrator
from tunekit.errors import UsageError
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit verify --connections 10k",
        "tunekit verify high-conn --as www-data",
        "tunekit verify -c 100k --processes 8 --timeout 300 --format json",
    ),
    "0 every connection was proved; 1 the load was tried and not carried; 2 wrong usage or an "
    "invalid profile; 3 out of reach of this host, nothing was opened; 130, 143 interrupted.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def verify(
    profile: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROFILE]",
            help="Prove the connections that this profile promises.",
            show_default=False,
        ),
    ] = None,
    connections: Annotated[
        str | None,
        typer.Option("--connections", "-c", metavar="N", help="How many, such as 10k or 1m."),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes",
            metavar="N",
            min=1,
            help="Server processes, each with a client process.  "
            "[default: as many as the descriptors need]",
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=1,
            help="Give up after this long.  [default: by the number of connections]",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Try also when it would take over half of the memory."),
    ] = False,
    user: options.UserOption = "nobody",
    assignments: options.SetOption = None,
    netns: options.NetnsOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Prove a number of connections with real sockets.

    Opens that many TCP connections over the loopback interface between an epoll server and its
    clients, sends a token of its own over each and waits for it to come back. When one fails, the
    limit that stopped it is named with the way to raise it. Changes nothing.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose, everything=verbose)

    def operation() -> Report:
        from tunekit import api

        if profile is None and connections is None:
            raise UsageError(
                "nothing to prove", hint="name a profile or a number: --connections 10k"
            )
        asked = connections and options.number(connections, option="--connections")
        with Narrator(look) as observer:
            return api.verify(
                asked or None,
                profile=options.load_profile(profile, assignments) if profile else None,
                processes=processes,
                as_user=user,
                netns=netns,
                force=force,
                timeout=timeout,
                observer=observer,
            )

    return output.deliver("verify", look, operation)
