"""The command line as a whole: which commands there are, and what a usage error becomes."""

# Without `from __future__ import annotations`: typer would compile each of them anew.

import signal
from collections.abc import Sequence
from typing import Annotated

import typer

from tunekit import __version__
from tunekit.cli import output
from tunekit.cli.lazy import LazyGroup
from tunekit.errors import ExitCode

COMMANDS = {
    "inspect": "compare the running kernel with a profile, or show keys",
    "apply": "make a profile so, as one transaction, and prove it",
    "persist": "make a profile last over a reboot",
    "rollback": "undo a transaction",
    "history": "list the transactions of this host",
    "run": "start a command under a profile's limits",
    "verify": "prove a number of connections with real sockets",
    "capacity": "tell how many connections this host carries, and what stops it",
    "serve": "be the server for another host's verify",
    "preflight": "tell whether a build that needs a profile may go to this host",
    "sockbuf": "measure how socket buffer sizes affect sending",
    "readiness": "measure how select, poll and epoll scale",
    "stale": "find programs that still run on old values",
    "explain": "say what a key, a limit or a socket option is",
    "profile": "list, show, check, make and exchange profiles",
    "completion": "print the script by which a shell completes",
}
EPILOG = """\
Exit codes: 0 done or in line; 1 the answer is no; 2 wrong usage or an invalid profile; 3 could not
be done here, nothing changed; 4 failed and rolled back; 5 rollback incomplete; 6 another run holds
the lock; 70 internal error; 130, 143 interrupted.
"""


class Tunekit(LazyGroup):
    """The commands, each a module of `tunekit.cli`."""

    package = "tunekit.cli"
    summaries = COMMANDS


app = typer.Typer(
    name="tunekit",
    cls=Tunekit,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)


def _show_version(asked: bool) -> None:
    if asked:
        raise typer.Exit(0 if output.write(f"tunekit {__version__}\n") else 3)


@app.callback()
def tunekit(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Tell whether this Linux host will carry the load about to be put on it, and make it so."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code. Prints, and does not exit."""
    output.prepare()
    try:
        code = app(list(arguments), prog_name="tunekit", standalone_mode=False)
    except _CLICK_ERROR as error:
        return output.usage_error(error, arguments)
    except (KeyboardInterrupt, typer.Abort):
        return 128 + signal.SIGINT
    except OSError as error:
        # Help is written by the framework, to a full device perhaps.
        output.say(f"error: cannot write to standard output: {error.strerror}")
        return int(ExitCode.IMPOSSIBLE)
    return code if isinstance(code, int) else 0


# The class of every usage error: typer brings click along as a package of its own in one release
# and as `click` in another, and names only this descendant in both.
_CLICK_ERROR: type[Exception] = next(
    cls
    for cls in typer.BadParameter.__mro__
    if cls.__name__ == "ClickException" and issubclass(cls, Exception)
)
