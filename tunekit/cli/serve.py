"""`tunekit serve`: be the server for another host's verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options, output
from tunekit.cli.progress import Narrator
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.probe.remote.model import Ready
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit serve",
        "tunekit serve --listen 192.0.2.1:7077 --token-file ./token",
        "tunekit serve --listen [2001:db8::1]:7077 --token-file ./token --for 10m",
    ),
    "0 the time of --for was over; 1 processes of the server were killed; 2 wrong usage; 3 it "
    "could not be served here; 130, 143 ended by a signal, which is how it ends without --for.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def serve(
    listen: Annotated[
        str,
        typer.Option(
            "--listen",
            "-l",
            metavar="ADDR:PORT[,...]",
            help="Where to listen: 192.0.2.1:7077 or [2001:db8::1]:7077; port 0 takes a free one.",
            show_default=True,
        ),
    ] = "127.0.0.1:7077",
    token_file: options.TokenFileOption = None,
    max_connections: Annotated[
        str | None,
        typer.Option(
            "--max-connections",
            metavar="N",
            help="The most at a time, over all clients.  [default: what half of the available "
            "memory carries]",
        ),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="TIME", help="End after this long, such as 10m.  [default: never]"
        ),
    ] = None,
    patience: Annotated[
        str,
        typer.Option(
            "--handshake-timeout",
            metavar="TIME",
            help="Drop a connection that has not said by then whose it is.",
            show_default=True,
        ),
    ] = "10s",
    user: options.UserOption = "nobody",
    netns: options.NetnsOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Be the server for another host's verify.

    Accepts the connections of `tunekit verify --target` from other hosts, sends back the token
    that comes on each, and tells each client in the end which of its tokens came. Off loopback
    only clients that hold the same token file are served; everything else that connects is
    dropped. Runs until a signal or the end of --for, then reports what was served.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose, everything=verbose)

    def announce(ready: Ready) -> None:
        from tunekit.api.serving import invitation

        # Standard output is for the report alone where a program reads it.
        if look.format is Format.TABLE:
            output.write(f"{invitation(ready)}\n")
        elif not look.quiet:
            output.say(invitation(ready))

    def operation() -> Report:
        from tunekit import api

        with Narrator(look) as observer:
            return api.serve(
                [each.strip() for each in listen.split(",")],
                token_file=token_file,
                max_connections=options.number(
                    max_connections, option="--max-connections", highest=2**26
                )
                if max_connections is not None
                else None,
                seconds=options.duration(duration, option="--for") if duration else None,
                patience=options.duration(patience, option="--handshake-timeout", zero=False),
                as_user=user,
                netns=netns,
                announce=announce,
                observer=observer,
            )

    return output.deliver("serve", look, operation)
