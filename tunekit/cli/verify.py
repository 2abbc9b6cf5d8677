"""`tunekit verify`: prove a number of connections with real sockets."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options, output
from tunekit.cli.progress import Narrator
from tunekit.errors import UsageError
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report


class FamilyName(Enum):
    """The kinds of sockets, as they are asked for."""

    INET = "inet"
    INET6 = "inet6"
    UNIX = "unix"


app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit verify --connections 10k",
        "tunekit verify high-conn --as www-data",
        "tunekit verify -c 1m --hold 30s --format json",
        "tunekit verify -c 50k --target 192.0.2.1:7077 --token-file ./token",
        "tunekit verify -c 100k --rate 20k --hold 1m --active 1% --payload 1KiB",
    ),
    "0 every connection was proved; 1 the load was tried and not carried; 2 wrong usage or an "
    "invalid profile; 3 out of reach of this host, nothing was opened; 130, 143 interrupted, with "
    "what had been reached.",
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
    hold: Annotated[
        str | None,
        typer.Option(
            "--hold", metavar="TIME", help="Keep them this long, such as 30s, and prove them again."
        ),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            "--rate",
            metavar="N",
            help="Begin N a second, in time whatever becomes of them, and count their latency "
            "from then.  [default: each after another]",
        ),
    ] = None,
    messages: Annotated[
        int | None,
        typer.Option(
            "--messages",
            metavar="M",
            min=0,
            help="Rounds of messages echoed while holding.  "
            "[default: none; with --payload or --active one a second]",
        ),
    ] = None,
    payload: Annotated[
        str | None,
        typer.Option(
            "--payload", metavar="BYTES", help="The size of a message, 8 to 1MiB.  [default: 8]"
        ),
    ] = None,
    active: Annotated[
        str | None,
        typer.Option(
            "--active",
            metavar="SHARE",
            help="The part that sends them while the rest is idle, such as 1%.  [default: 100%]",
        ),
    ] = None,
    family: Annotated[
        FamilyName, typer.Option("--family", help="The kind of sockets.", show_default=True)
    ] = FamilyName.INET,
    processes: Annotated[
        str,
        typer.Option(
            "--processes",
            metavar="auto|P",
            help="Server processes, each with a client process; auto: as the descriptors need.",
            show_default=True,
        ),
    ] = "auto",
    timeout: Annotated[
        str | None,
        typer.Option(
            "--timeout",
            metavar="TIME",
            help="Give up after this long.  [default: by the number of connections]",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            metavar="ADDR:PORT[,...]",
            help="Prove them to `tunekit serve` on another host, and connect to nothing else.",
        ),
    ] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            metavar="ADDR",
            help="Connect to the targets from this address of this host; each has its own source "
            "ports. Repeatable.",
        ),
    ] = None,
    token_file: options.TokenFileOption = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Try also when the forecast says no, and compare it with the outcome."
        ),
    ] = False,
    user: options.UserOption = "nobody",
    assignments: options.SetOption = None,
    netns: options.NetnsOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Prove a number of connections with real sockets.

    Opens that many connections over the loopback interface between epoll servers and their
    clients, sends a token of its own over each and waits for it to come back. What this host
    cannot carry is said before anything is opened, with the limit and the way to raise it. Changes
    nothing.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose, everything=verbose)

    def to_targets(where: str) -> Report:
        from tunekit import api

        if messages or payload or active or family is not FamilyName.INET:
            raise UsageError(
                "--messages, --payload, --active and --family are not for --target",
                hint="the family is that of the target; leave the others out",
            )
        chosen = None if profile is None else options.load_profile(profile, assignments)
        promised = chosen.probe.connections if chosen and chosen.probe else None
        count = _number(connections, "--connections") or promised
        if count is None:
            raise UsageError("no number of connections to prove", hint="give --connections 10k")
        with Narrator(look) as observer:
            return api.verify_targets(
                count,
                [each.strip() for each in where.split(",")],
                profile=chosen,
                sources=sources or (),
                token_file=token_file,
                processes=_number(None if processes == "auto" else processes, "--processes"),
                hold=_duration(hold, "--hold") or 0.0,
                rate=_number(rate, "--rate", 10**9),
                timeout=_timeout(timeout),
                as_user=user,
                netns=netns,
                force=force,
                observer=observer,
            )

    def operation() -> Report:
        from tunekit import api

        if profile is None and connections is None:
            raise UsageError(
                "nothing to prove", hint="name a profile or a number: --connections 10k"
            )
        from tunekit.probe.load import Family
        from tunekit.probe.tokens import SIZE

        load = {
            "connections": _number(connections, "--connections"),
            "processes": _number(
                None if processes == "auto" else processes, "--processes", 1 << 16
            ),
            "messages": messages,
            "rate": _number(rate, "--rate", 10**9),
            "payload": _number(payload, "--payload", 1 << 20, lowest=SIZE),
        }
        if target is not None:
            return to_targets(target)
        if sources or token_file:
            raise UsageError(
                "--source and --token-file are for other hosts", hint="give --target ADDR:PORT"
            )
        with Narrator(look) as observer:
            return api.verify(
                **load,
                hold=_duration(hold, "--hold") or 0.0,
                active=options.share(active, option="--active") if active else None,
                timeout=_timeout(timeout),
                family=Family[family.name],
                profile=None if profile is None else options.load_profile(profile, assignments),
                as_user=user,
                netns=netns,
                force=force,
                observer=observer,
            )

    return output.deliver("verify", look, operation)


def _number(text: str | None, option: str, highest: int = 2**63 - 1, lowest: int = 1) -> int | None:
    if text is None:
        return None
    return options.number(text, option=option, lowest=lowest, highest=highest)


def _duration(text: str | None, option: str) -> float | None:
    return None if text is None else options.duration(text, option=option)


def _timeout(text: str | None) -> float | None:
    return None if text is None else options.duration(text, option="--timeout", zero=False)
