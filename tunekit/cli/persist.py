"""`tunekit persist`: make a profile last over a reboot."""

# Without `from __future__ import annotations`: typer would compile each of them anew.

from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options, output
from tunekit.cli.progress import Narrator
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit persist high-conn --dry-run",
        "tunekit persist web-server --unit nginx.service",
        "tunekit persist proxy --user haproxy --root /mnt/image",
        "tunekit persist --remove high-conn",
    ),
    "0 boot keeps the profile; 1 files were written, and another file or program will still win "
    "over some setting; 2 wrong usage, an invalid profile, or --allow is missing; 3 a file is in "
    "the way that tunekit did not write, or that was edited since; nothing was changed; 4 failed, "
    "everything was rolled back; 5 failed, and so did the undoing of what is named; 6 another run "
    "holds the lock.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def persist(
    profile: Annotated[
        str, typer.Argument(metavar="PROFILE", help="A path, or the name of a profile.")
    ],
    remove: Annotated[
        bool, typer.Option("--remove", help="Take the profile's files away again.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show the files and their texts; write nothing.")
    ] = False,
    units: options.KeepUnitsOption = None,
    users: options.KeepUsersOption = None,
    groups: options.KeepGroupsOption = None,
    manager: options.KeepManagerOption = False,
    boot_unit: options.BootUnitOption = False,
    root: options.RootOption = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            metavar="KEY",
            help="Write a key or limit that can hurt, such as rlimit.nofile. Repeatable.",
        ),
    ] = None,
    assignments: options.SetOption = None,
    state_dir: options.StateDirOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Make a profile last over a reboot.

    Writes what boot would not meet by itself, and only that: /etc/sysctl.d under a name that wins
    over what is there, /etc/modules-load.d where a key needs a module, and the limits for those
    that are named: systemd units, users and groups (PAM). Each line has its reason. The running
    kernel stays as it is; `tunekit apply --persist` changes both as one transaction.

    A file that tunekit did not write, or that was edited since, is never overwritten. `tunekit
    rollback` undoes it, after a reboot too.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose, everything=verbose)

    def operation() -> "Report":
        from tunekit import api

        with Narrator(look) as observer:
            return api.persist(
                options.load_profile(profile, assignments),
                keeping=options.keeping(
                    root=root,
                    users=users,
                    groups=groups,
                    units=units,
                    manager=manager,
                    boot_unit=boot_unit,
                    allow=allow,
                ),
                remove=remove,
                dry_run=dry_run,
                state_dir=state_dir,
                command=options.command_line(),
                observer=observer,
            )

    return output.deliver("persist", look, operation)
