"""`tunekit readiness`: how select, poll and epoll scale."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import kept, options, output
from tunekit.cli.progress import Narrator
from tunekit.errors import UsageError
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

MOST = 2**30
app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit readiness",
        "tunekit readiness --quick --budget 200us",
        "tunekit readiness --descriptors 10,1000,100k --family unix",
    ),
    "0 measured; 2 wrong usage; 3 could not be measured here; 130, 143 interrupted.",
)


class FamilyName(Enum):
    """The kinds of sockets that can be watched."""

    INET = "inet"
    INET6 = "inet6"
    UNIX = "unix"


def sizes(text: str) -> tuple[int, ...]:
    """Read a list of numbers of descriptors. Raises UsageError."""
    return tuple(
        options.number(item, option="--descriptors", highest=MOST) for item in text.split(",")
    )


def names(text: str) -> tuple[FamilyName, ...]:
    """Read a list of families. Raises UsageError."""
    known = {each.value: each for each in FamilyName}
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in known:
            raise UsageError(
                f"{word!r} is none of {', '.join(known)}", key="--family", hint="such as inet,unix"
            )
    return tuple(dict.fromkeys(known[word] for word in words))


@app.command(cls=options.Command, epilog=EPILOG)
def readiness(
    descriptors: Annotated[
        str | None,
        typer.Option(
            "--descriptors",
            metavar="NUMBERS",
            help="How many to watch, separated by commas; cut to what nofile allows.  "
            "[default: 10 to 20k in 8 steps]",
        ),
    ] = None,
    family: Annotated[
        str | None,
        typer.Option(
            "--family",
            metavar="FAMILIES",
            help="Kinds of sockets, of inet, inet6 and unix.  [default: inet,unix]",
        ),
    ] = None,
    budget: Annotated[
        str,
        typer.Option(
            "--budget",
            metavar="TIME",
            help="What a call may take: the verdict says how many idle descriptors that allows.",
            show_default=True,
        ),
    ] = "1ms",
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds",
            metavar="N",
            help="Samples of each figure, 25 at least, however long it takes.  [default: 27]",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer sizes, one family: within ten seconds.")
    ] = False,
    save: kept.SaveOption = None,
    compare: kept.CompareOption = None,
    cross_check: Annotated[
        bool,
        typer.Option(
            "--cross-check", help="Have sockperf measure the same, too, where it is installed."
        ),
    ] = False,
    plot: options.PlotOption = None,
    netns: options.NetnsOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Measure how select, poll and epoll scale.

    Watches a growing number of connections with one, some and all of them active, and times a
    call of each mechanism, each event, and what changing the set costs; then serves connections
    with a loop, a thread and a process for each. Says where epoll overtakes, whether it is flat,
    and when it is the worse choice. Changes nothing.
    """
    look = output.Look(
        format=output_format, quiet=quiet, verbose=verbose, everything=verbose, plot=plot
    )

    def operation() -> Report:
        from tunekit import api

        chosen = names(family) if family is not None else ()
        asked = sizes(descriptors) if descriptors is not None else None
        seconds = options.duration(budget, option="--budget")
        if not seconds:
            raise UsageError("--budget: a call takes more than no time", hint="give some, as 1ms")
        from tunekit.probe.load import Family

        kept.check("readiness", save, compare)
        with Narrator(look) as observer:
            report = api.readiness(
                descriptors=asked,
                families=[Family[each.name] for each in chosen],
                rounds=rounds,
                budget=seconds,
                quick=quick,
                cross_check=cross_check,
                netns=netns,
                observer=observer,
            )
        return kept.settle(report, save, compare, netns=netns)

    return output.deliver("readiness", look, operation)
