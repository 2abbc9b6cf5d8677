"""`tunekit profile export`: a profile in the form of another tool."""

# Without `from __future__ import annotations`: typer would compile each of them anew.

from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options, output
from tunekit.files.export.model import Target
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit profile export high-conn --to sysctl.d > 90-high-conn.conf",
        "tunekit profile export web-server --to kubernetes --output patch.yaml",
        "tunekit profile export proxy --to shell --set connections=200k",
    ),
    "0 written; 2 wrong usage or an invalid profile; 3 the file is there already.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def export(
    profile: options.ProfileArgument,
    to: Annotated[
        Target,
        typer.Option("--to", help="The tool that the file is for.", show_default=False),
    ],
    assignments: options.SetOption = None,
    target: options.OutputOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Write a profile in the form of another tool, as this host resolves it.

    What the other tool cannot be told is listed on standard error and at the end of the file, each
    with its line: most know no "at least", and containers have no keys of the whole host. The
    script of --to shell keeps "at least".

    The files for sysctl.d and TuneD carry what tunekit profile import needs to make the same
    profile of them again.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose)

    def operation() -> "Report":
        from tunekit.api.exporting import export_profile

        return export_profile(options.load_profile(profile, assignments), to)

    return output.deliver_file("profile export", look, operation, target)
