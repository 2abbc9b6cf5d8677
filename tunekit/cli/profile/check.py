"""`tunekit profile check`: what is wrong with a profile."""

# Without `from __future__ import annotations`: typer would compile each of them anew.

from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options, output
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    ("tunekit profile check ./my.yaml", "tunekit profile check profiles/*.yaml -f json"),
    "0 all can be used; 2 one cannot, or wrong usage.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def check(
    profiles: Annotated[
        list[str],
        typer.Argument(metavar="PROFILE...", help="Paths or names.", show_default=False),
    ],
    assignments: options.SetOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Say everything that is wrong with profiles, each with its file, line and mend.

    Reads the profiles and those that they extend; nothing of the host is changed.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose)

    def operation() -> "Report":
        from tunekit.api.profiles import check_profiles
        from tunekit.profile.variables import parse_assignments

        return check_profiles(profiles, variables=parse_assignments(assignments or ()))

    return output.deliver("profile check", look, operation)
