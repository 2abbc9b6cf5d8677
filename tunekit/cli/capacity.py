"""`tunekit capacity`: how many connections this host carries, and what stops it first."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options, output
from tunekit.errors import UsageError
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report


class RoleName(Enum):
    """The ends of its connections that a host can be, as they are asked for."""

    SERVER = "server"
    CLIENT = "client"
    PROXY = "proxy"
    LOOPBACK = "loopback"


app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit capacity",
        "tunekit capacity -c 200k --processes 4 --app-bytes 8KiB",
        "tunekit capacity high-conn --set connections=50k",
        "tunekit capacity -c 50k --outgoing 4 --unit haproxy",
        "tunekit capacity -c 1m --write-profile ./million.yaml",
    ),
    "0 this host carries them, or how many it carries was told; 1 a limit is too low; 2 wrong "
    "usage or an invalid profile; 3 a limit that matters is not shown here, or the profile could "
    "not be written.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def capacity(
    profile: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROFILE]",
            help="Take the connections, processes and nofile of this profile.",
            show_default=False,
        ),
    ] = None,
    connections: Annotated[
        str | None,
        typer.Option(
            "--connections",
            "-c",
            metavar="N",
            help="How many are wanted, such as 10k or 1m.  [default: as many as it carries]",
        ),
    ] = None,
    role: Annotated[
        RoleName | None,
        typer.Option(
            "--role",
            help="Which ends are here; loopback: both, as verify has them.  "
            "[default: server, with --outgoing proxy]",
        ),
    ] = None,
    outgoing: Annotated[
        str | None,
        typer.Option(
            "--outgoing",
            metavar="DESTINATIONS",
            help="The addresses and ports that a client or proxy connects to.",
        ),
    ] = None,
    sources: Annotated[
        str,
        typer.Option(
            "--sources", metavar="N", help="The addresses that it connects from.", show_default=True
        ),
    ] = "1",
    processes: Annotated[
        str | None,
        typer.Option(
            "--processes",
            metavar="P",
            help="The processes that share them.  [default: the profile's, else 1]",
        ),
    ] = None,
    nofile: Annotated[
        str | None,
        typer.Option(
            "--nofile",
            metavar="N",
            help="The descriptor limit of each.  [default: the profile's, else the soft one here]",
        ),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            "--rate",
            metavar="N",
            help="Connections that begin in a second, and end in the long run: for the accept "
            "queue, and the ports in TIME_WAIT.",
        ),
    ] = None,
    unit: options.UnitOption = None,
    user: options.AccountOption = None,
    pid: Annotated[
        int | None,
        typer.Option("--pid", metavar="PID", min=1, help="The limits of this running process."),
    ] = None,
    app_bytes: Annotated[
        str,
        typer.Option(
            "--app-bytes",
            metavar="BYTES",
            help="What the program itself keeps for a connection, such as 8KiB.",
            show_default=True,
        ),
    ] = "0",
    active: Annotated[
        str,
        typer.Option(
            "--active",
            metavar="SHARE",
            help="The part that has data in its buffers at a time; 0 for none.",
            show_default=True,
        ),
    ] = "1%",
    queued: Annotated[
        str | None,
        typer.Option(
            "--queued",
            metavar="BYTES",
            help="How much of it in each socket's buffers.  [default: the size they begin with]",
        ),
    ] = None,
    write_profile: Annotated[
        Path | None,
        typer.Option(
            "--write-profile",
            metavar="FILE",
            parser=options.folder,
            help="Write a profile for N connections here into a new file.",
        ),
    ] = None,
    assignments: options.SetOption = None,
    netns: options.NetnsOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Tell how many connections this host carries, and what stops it first.

    Every limit on the way is read: its value, what is in use of it, and the connections that the
    rest allows. The first that binds is named, with the next after it and the lines of a profile
    that lift what is too low. Opens nothing, needs no root, and what it cannot see it calls
    unknown.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose, everything=verbose)

    def number(text: str | None, option: str, *, lowest: int = 1) -> int | None:
        if text is None:
            return None
        return options.number(text, option=option, lowest=lowest, highest=10**12)

    def operation() -> Report:
        from tunekit import api
        from tunekit.api.forecasting import Ends

        if assignments and profile is None:
            raise UsageError("--set is for the variables of a profile", hint="name a profile")
        ends = role.name if role else ("PROXY" if outgoing else "SERVER")
        return api.capacity(
            number(connections, "--connections"),
            profile=None if profile is None else options.load_profile(profile, assignments),
            ends=Ends[ends],
            processes=number(processes, "--processes"),
            nofile=number(nofile, "--nofile"),
            destinations=number(outgoing, "--outgoing"),
            sources=number(sources, "--sources") or 1,
            rate=number(rate, "--rate"),
            active=0.0 if active in ("0", "0%") else options.share(active, option="--active"),
            queued=number(queued, "--queued", lowest=0),
            app_bytes=number(app_bytes, "--app-bytes", lowest=0) or 0,
            write_profile=write_profile,
            unit=unit or "",
            user=user or "",
            pid=pid,
            netns=netns,
        )

    return output.deliver("capacity", look, operation)
