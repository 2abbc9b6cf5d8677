"""`tunekit profile schema`: the form of a profile, for editors."""

# Without `from __future__ import annotations`: typer would compile each of them anew.

from typing import TYPE_CHECKING

from tunekit.cli import options, output
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    ("tunekit profile schema > tunekit-profile.schema.json",),
    "0 printed; 3 the file is there already or cannot be written.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def schema(
    target: options.OutputOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Print the JSON Schema of a profile file, by which an editor completes and checks it.

    It knows every field and every key of the catalogue; ranges and expressions are judged by
    tunekit profile check.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose)

    def operation() -> "Report":
        from tunekit.api.profiles import profile_schema

        return profile_schema()

    return output.deliver_file("profile schema", look, operation, target)
