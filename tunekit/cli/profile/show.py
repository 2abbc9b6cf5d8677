"""`tunekit profile show`: what a profile comes to here."""

# Without `from __future__ import annotations`: typer would compile each of them anew.

from typing import TYPE_CHECKING

from tunekit.cli import options, output
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit profile show high-conn --set connections=200k",
        "tunekit profile show web-server > flat.yaml",
    ),
    "0 shown; 2 wrong usage or an invalid profile.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def show(
    profile: options.ProfileArgument,
    assignments: options.SetOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Show a profile as this host resolves it, as a profile of one file.

    Parents are merged and expressions computed; above each entry stands the file and line that it
    comes from.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose)

    def operation() -> "Report":
        from tunekit.api.profiles import show_profile

        return show_profile(options.load_profile(profile, assignments))

    return output.deliver("profile show", look, operation)
