"""`tunekit run`: start a command under a profile's limits."""

from __future__ import annotations

from typing import Annotated

import typer

from tunekit.cli import options, output
from tunekit.errors import TunekitError, UsageError

NOT_EXECUTABLE, NOT_FOUND = 126, 127
"""As env(1) has them."""

app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit run high-conn -- nginx -g 'daemon off;'",
        "tunekit run ./my.yaml --user www-data --set connections=50k -- ./server --port 8080",
    ),
    "the command's own; 125 tunekit could not do its part; 126 the command cannot be executed; "
    "127 there is no such command.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def run(
    profile: options.ProfileArgument,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- CMD...", help="The command and its arguments, after --."),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user", metavar="USER", help="Become this user after setting the limits."),
    ] = None,
    assignments: options.SetOption = None,
    netns: options.NetnsOption = None,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Start a command under a profile's limits.

    Sets the limits of the profile, becomes the user that is asked for and executes the command in
    place of itself, so that signals and the exit code are the command's. Writes no sysctl.
    """
    try:
        if not command or not command[0]:
            raise UsageError("no command to run", hint="write it after --")
        from tunekit import api

        wanted = options.load_profile(profile, assignments)
        if not quiet:
            output.say(f"profile {wanted.name} ({wanted.path})")
            for warning in wanted.warnings:
                output.say(f"note: {warning}")
        api.run(wanted, command, user=user, netns=netns)
    except TunekitError as error:
        for problem in output.problems(error):
            output.say(f"error: {problem}")
    except OSError as error:
        assert command
        output.say(f"error: cannot execute {command[0]}: {error.strerror}")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
    except Exception as error:
        output.say(f"error: {output.internal(error, verbose)}")
    return output.RUN_FAILED
