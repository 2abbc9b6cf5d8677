"""`tunekit profile`: profiles as files. Each command is a module of this package."""

# Without `from __future__ import annotations`: typer would compile each of them anew.

import typer

from tunekit.cli.lazy import LazyGroup

COMMANDS = {
    "list": "list the profiles that a name can stand for",
    "show": "show what a profile comes to on this host, and where each line is from",
    "check": "say everything that is wrong with profiles",
    "new": "begin a profile, with a comment on every part",
    "diff": "compare what two profiles come to",
    "schema": "print the JSON Schema of a profile, for editors",
    "export": "write a profile in the form of another tool",
    "import": "make a profile of another tool's file",
}
EPILOG = """\b
Examples:
  tunekit profile list
  tunekit profile show high-conn --set connections=200k
  tunekit profile export high-conn --to sysctl.d

Exit codes: 0 done; 1 two profiles differ; 2 wrong usage or an invalid profile.
"""


class Group(LazyGroup):
    """The commands of `tunekit profile`."""

    package = "tunekit.cli.profile"
    summaries = COMMANDS


app = typer.Typer(
    cls=Group,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)


@app.callback()
def profile() -> None:
    """List, show, check, make and exchange profiles."""
