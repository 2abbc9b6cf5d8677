"""`tunekit sockbuf`: how socket buffer sizes affect sending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options, output
from tunekit.cli.progress import Narrator
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

AUTO = "auto"
LARGEST = 2**31 - 1
"""SO_SNDBUF and SO_RCVBUF take an int."""

app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit sockbuf",
        "tunekit sockbuf --sndbuf auto,64KiB,1MiB --rcvbuf auto",
        "tunekit sockbuf --sndbuf 4k --rcvbuf 4k,4m --format json",
    ),
    "0 measured; 2 wrong usage; 3 could not be measured here; 130, 143 interrupted.",
)

SIZES = "Sizes in bytes with k, m, KiB or MiB, separated by commas; auto leaves it to the kernel."


def sizes(text: str, *, option: str) -> tuple[int | None, ...]:
    """Read a list of sizes; None stands for `auto`. Raises UsageError."""
    items = [item.strip() for item in text.split(",")]
    return tuple(
        None if item == AUTO else options.number(item, option=option, highest=LARGEST)
        for item in items
    )


@app.command(cls=options.Command, epilog=EPILOG)
def sockbuf(
    sndbuf: Annotated[
        str, typer.Option("--sndbuf", metavar="SIZES", help=f"SO_SNDBUF of the sender. {SIZES}")
    ] = "auto,4KiB,64KiB,1MiB",
    rcvbuf: Annotated[
        str, typer.Option("--rcvbuf", metavar="SIZES", help=f"SO_RCVBUF of the receiver. {SIZES}")
    ] = "auto,64KiB",
    netns: options.NetnsOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Measure how socket buffer sizes affect sending.

    For each size of SO_SNDBUF and SO_RCVBUF: what was requested, what the kernel granted and why
    they differ, and how many bytes a non-blocking send takes until EAGAIN while nobody reads.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose)

    def operation() -> Report:
        from tunekit import api

        with Narrator(look) as observer:
            return api.sockbuf(
                sndbuf=sizes(sndbuf, option="--sndbuf"),
                rcvbuf=sizes(rcvbuf, option="--rcvbuf"),
                netns=netns,
                observer=observer,
            )

    return output.deliver("sockbuf", look, operation)
