"""`tunekit profile list`: which profiles there are."""

# Without `from __future__ import annotations`: typer would compile each of them anew.

from typing import TYPE_CHECKING

from tunekit.cli import options, output
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(("tunekit profile list", "tunekit profile list -f json"), "0 listed.")


@app.command(cls=options.Command, epilog=EPILOG)
def list_(
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """List the profiles that a bare name can stand for: those of /etc/tunekit/profiles, then those
    that come with tunekit.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose)

    def operation() -> "Report":
        from tunekit.api.profiles import list_profiles

        return list_profiles()

    return output.deliver("profile list", look, operation)
