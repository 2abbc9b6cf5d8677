"""`tunekit profile import`: a profile made of another tool's file."""

# Without `from __future__ import annotations`: typer would compile each of them anew.

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options, output
from tunekit.files.importing import Form
from tunekit.profile.nodes import MAX_BYTES
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit profile import /etc/sysctl.d/90-web.conf > web.yaml",
        "tunekit profile import /usr/lib/tuned/network-latency/tuned.conf -o latency.yaml",
        "sysctl -a | tunekit profile import - --from sysctl-a > all.yaml",
    ),
    "0 made; 2 wrong usage, or a file that cannot be read; 3 the file is there already.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The other tool's file, or - for standard input.")
    ],
    form: Annotated[
        Form | None,
        typer.Option("--from", help="What kind of file it is.  [default: told from its sections]"),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="What the profile is called.")
    ] = "",
    target: options.OutputOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Make a profile of a file for sysctl.d or TuneD, of sysctl.conf, or of what sysctl -a prints.

    Every value means exactly that, as it does there; what tunekit profile export wrote becomes the
    profile that it was. What cannot be carried over is listed with its line on standard error and
    at the end of the profile: patterns, values that are worked out, values out of range, and keys
    that are unknown, obsolete, secret or read-only.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose)

    def operation() -> "Report":
        from tunekit.api.importing import import_profile, import_text

        if str(file) != "-":
            return import_profile(file, form=form, name=name)
        # One more than the most that is taken, so that more is told from as much.
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
        return import_text(data, file="-", form=form, name=name or "imported")

    return output.deliver_file("profile import", look, operation, target)
