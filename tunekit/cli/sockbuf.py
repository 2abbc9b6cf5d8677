"""`tunekit sockbuf`: how socket buffer sizes affect sending."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import kept, options, output
from tunekit.cli.progress import Narrator
from tunekit.errors import UsageError
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

AUTO = "auto"
LARGEST = 2**31 - 1
"""SO_SNDBUF and SO_RCVBUF take an int."""

SHORTEST, LONGEST = 0.001, 2.0
SLOWEST = 125_000.0
UNITS = {"kbit": 1e3, "mbit": 1e6, "gbit": 1e9}
LARGEST_MESSAGE = 1 << 24
PARTS = "granted, fill, meaning, strategies, distance"
FAMILIES = "inet, inet6, unix, unix-dgram, udp"

app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit sockbuf",
        "tunekit sockbuf --quick",
        "tunekit sockbuf --part fill --sndbuf auto,64KiB,1MiB --rcvbuf auto",
        "tunekit sockbuf --save before.json; tunekit sockbuf --compare before.json",
        "tunekit sockbuf --part granted,fill --family all --format json",
    ),
    "0 measured; 2 wrong usage; 3 could not be measured here; 130, 143 interrupted.",
)

SIZES = "Sizes in bytes with k, m, KiB or MiB, separated by commas; auto leaves it to the kernel."


def sizes(text: str, *, option: str) -> tuple[int | None, ...]:
    """Read a list of sizes; None stands for `auto`. Raises UsageError."""
    items = [item.strip() for item in text.split(",")]
    return tuple(
        None if item == AUTO else options.number(item, option=option, lowest=0, highest=LARGEST)
        for item in items
    )


@app.command(cls=options.Command, epilog=EPILOG)
def sockbuf(
    sndbuf: Annotated[
        str | None,
        typer.Option("--sndbuf", metavar="SIZES", help=f"SO_SNDBUF of the sender. {SIZES}"),
    ] = None,
    rcvbuf: Annotated[
        str | None,
        typer.Option("--rcvbuf", metavar="SIZES", help=f"SO_RCVBUF of the receiver. {SIZES}"),
    ] = None,
    part: Annotated[
        str | None, typer.Option("--part", metavar="PARTS", help=f"Only these of: {PARTS}.")
    ] = None,
    family: Annotated[
        str,
        typer.Option("--family", metavar="FAMILIES", help=f"Of {FAMILIES}, or `all`."),
    ] = "inet",
    congestion: Annotated[
        str | None,
        typer.Option("--congestion", metavar="NAME", help="The congestion control of TCP senders."),
    ] = None,
    message: Annotated[
        str | None,
        typer.Option("--message", metavar="SIZE", help="The bytes that one send offers."),
    ] = None,
    rtt: Annotated[
        str, typer.Option("--rtt", metavar="TIME", help="The round trip of the path that is made.")
    ] = "20ms",
    rate: Annotated[
        str,
        typer.Option("--rate", metavar="RATE", help="Its rate, in kbit, mbit or gbit a second."),
    ] = "400mbit",
    quick: Annotated[bool, typer.Option("--quick", help="Measure less, in 10 seconds.")] = False,
    save: kept.SaveOption = None,
    compare: kept.CompareOption = None,
    plot: options.PlotOption = None,
    netns: options.NetnsOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Measure how socket buffer sizes affect sending.

    What each request for a size of SO_SNDBUF and SO_RCVBUF is granted and why; how many bytes a
    non-blocking send takes until EAGAIN while nobody reads, said beforehand and measured; where
    the bytes are when send returns; which way to send a large message is the best here; and what
    the sizes do to throughput over a distance, on a path made for it in network namespaces.
    """
    look = output.Look(
        format=output_format, quiet=quiet, verbose=verbose, everything=verbose, plot=plot
    )

    def operation() -> Report:
        from tunekit import api

        kept.check("sockbuf", save, compare)
        with Narrator(look) as observer:
            report = api.sockbuf(
                sndbuf=None if sndbuf is None else sizes(sndbuf, option="--sndbuf"),
                rcvbuf=None if rcvbuf is None else sizes(rcvbuf, option="--rcvbuf"),
                parts=names(part),
                families=FAMILIES.split(", ") if family == "all" else names(family),
                congestion=congestion,
                message=None
                if message is None
                else options.number(message, option="--message", highest=LARGEST_MESSAGE),
                round_trip=round_trip(rtt),
                rate=bandwidth(rate),
                quick=quick,
                netns=netns,
                observer=observer,
            )
        return kept.settle(report, save, compare, netns=netns)

    return output.deliver("sockbuf", look, operation)


def round_trip(text: str) -> float:
    """Read a round trip as seconds. Raises UsageError."""
    seconds = options.duration(text, option="--rtt")
    if not SHORTEST <= seconds <= LONGEST:
        raise UsageError(
            f"{text!r} is not a round trip between 1ms and 2s", key="--rtt", hint="write 20ms"
        )
    return seconds


def bandwidth(text: str) -> float:
    """Read a rate such as `400mbit`, as in tc(8), as bytes a second. Raises UsageError."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(kbit|mbit|gbit)", text.strip().lower())
    rate = float(match[1]) * UNITS[match[2]] / 8 if match else 0.0
    if rate < SLOWEST:
        raise UsageError(
            f"{text!r} is not a rate of 1mbit or more", key="--rate", hint="write 400mbit or 1gbit"
        )
    return rate


def names(text: str | None) -> list[str] | None:
    """Read a list of names that commas separate; None stays None."""
    return None if text is None else [name.strip() for name in text.split(",")]
