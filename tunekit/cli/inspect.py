"""`tunekit inspect`: what the kernel runs with, against a profile or by itself."""

# Without `from __future__ import annotations`: typer would compile each of them anew.

from collections.abc import Sequence
from dataclasses import replace
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options, output
from tunekit.errors import UsageError
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit inspect high-conn",
        "tunekit inspect ./my.yaml --set connections=200k --all",
        "tunekit inspect net.core.somaxconn 'net.ipv4.tcp_*mem'",
        "tunekit inspect '*' --format json",
        "tunekit inspect high-conn --limits --unit nginx.service",
        "tunekit inspect --boot high-conn",
        "tunekit inspect high-conn --root /mnt/image",
    ),
    "0 in line, or the keys were read; 1 the kernel differs from the profile; 2 wrong usage or "
    "an invalid profile; 3 a required value cannot be read.",
)


def sort_out(arguments: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """Sort arguments into one profile, or some keys and globs. Raises UsageError for a mixture."""
    from tunekit.profile.find import looks_like_profile

    if "" in arguments:
        raise UsageError("an empty argument", hint="name a profile or keys; is a variable unset?")
    profiles = [argument for argument in arguments if looks_like_profile(argument)]
    keys = tuple(argument for argument in arguments if not looks_like_profile(argument))
    if len(profiles) > 1:
        raise UsageError(
            f"{len(profiles)} profiles: {', '.join(profiles)}", hint="inspect one at a time"
        )
    if profiles and keys:
        raise UsageError(
            f"{profiles[0]} is a profile and {keys[0]} a key",
            hint="inspect either one profile or any number of keys",
        )
    return (profiles[0] if profiles else None), keys


@app.command(cls=options.Command, epilog=EPILOG)
def inspect(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROFILE | KEY...]",
            help="A profile (a path, or a name without a dot), or keys and globs of keys.",
            show_default=False,
        ),
    ] = None,
    show_all: Annotated[
        bool, typer.Option("--all", "-a", help="Show also what is in line already.")
    ] = False,
    boot: Annotated[
        bool,
        typer.Option("--boot", help="Set beside it what boot will set, from which file and line."),
    ] = False,
    limits: Annotated[
        bool,
        typer.Option(
            "--limits",
            help="Show the limits that somebody gets instead, and where each comes from.",
        ),
    ] = False,
    unit: options.UnitOption = None,
    user: options.AccountOption = None,
    runtime: options.RuntimeOption = None,
    pid: Annotated[
        int | None,
        typer.Option("--pid", metavar="PID", min=1, help="The limits of this running process."),
    ] = None,
    root: options.RootOption = None,
    assignments: options.SetOption = None,
    netns: options.NetnsOption = None,
    state_dir: options.StateDirOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Compare the running kernel with a profile, or show keys.

    With a profile: every setting that differs, what runs and what is wanted. With keys or globs:
    their values, with unit, range, default and meaning; '*' is every key that is safe to read.
    Without an argument: the keys that boot sets and that have another value now.

    With --boot: what boot will make of each key, from which file and line, and which other lines
    about it lose, to whom: sysctl.d as systemd-sysctl reads it (or `sysctl --system`, where there
    is no systemd), the kernel command line and TuneD. With --root the files of another system are
    read, and no link in them leads out of it.

    With --limits: the soft and hard limits that a systemd service will get (--unit), the sessions
    of a user that PAM opens (--user), the containers of a runtime (--runtime) or a process has
    (--pid), each with the line that it comes from, whether those of the profile arrive, and what
    is wrong in the files. With --root it is a service of that system.

    Writes nothing and works for any user.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose, everything=show_all)

    def operation() -> "Report":
        from tunekit import api

        name, keys = sort_out(what or ())
        profile = options.load_profile(name, assignments) if name else None
        if limits:
            if keys or boot or netns:
                raise UsageError(
                    "--limits is about processes of this host",
                    hint="give a profile and one of --unit, --user, --runtime and --pid, or less",
                )
            return api.inspect_limits(
                profile,
                unit=unit or "",
                user=user or "",
                runtime=runtime.value if runtime else "",
                pid=pid,
                root=root,
            )
        if unit or user or runtime or pid:
            raise UsageError(
                "--unit, --user, --runtime and --pid are for limits", hint="add --limits"
            )
        report = api.inspect(
            profile, keys=keys, boot=boot, root=root, netns=netns, state_dir=state_dir
        )
        if report.next_step and assignments:
            again = " ".join(f"--set {quote(each)}" for each in assignments)
            report = replace(report, next_step=f"{report.next_step} {again}")
        return report

    return output.deliver("inspect", look, operation)
