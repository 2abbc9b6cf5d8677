"""`tunekit profile new`: a profile to begin with."""

# Without `from __future__ import annotations`: typer would compile each of them anew.

from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options, output
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    ("tunekit profile new mine > mine.yaml", "tunekit profile new mine --output mine.yaml"),
    "0 made; 2 wrong usage; 3 the file is there already or cannot be written.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the profile is called.")],
    target: options.OutputOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Begin a profile: one that loads as it is, with a comment on every part."""
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose)

    def operation() -> "Report":
        from tunekit.api.profiles import new_profile

        return new_profile(name)

    return output.deliver_file("profile new", look, operation, target)
