"""`tunekit profile diff`: how two profiles differ."""

# Without `from __future__ import annotations`: typer would compile each of them anew.

from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options, output
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    ("tunekit profile diff base high-conn", "tunekit profile diff old.yaml new.yaml -f json"),
    "0 they ask for the same; 1 they differ; 2 wrong usage or an invalid profile.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def diff(
    one: Annotated[
        str, typer.Argument(metavar="PROFILE", help="A path or a name.", show_default=False)
    ],
    other: Annotated[
        str,
        typer.Argument(
            metavar="OTHER_PROFILE", help="What to compare it with.", show_default=False
        ),
    ],
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Compare what two profiles come to on this host, key by key.

    Parents are merged and expressions computed with each profile's own variables.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose)

    def operation() -> "Report":
        from tunekit.api.profiles import diff_profiles

        return diff_profiles(options.load_profile(one, None), options.load_profile(other, None))

    return output.deliver("profile diff", look, operation)
