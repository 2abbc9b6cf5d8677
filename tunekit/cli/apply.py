"""`tunekit apply`: make a profile so, as one transaction, and prove it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options, output
from tunekit.cli.progress import Narrator
from tunekit.errors import UsageError
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit apply high-conn --dry-run",
        "tunekit apply high-conn --set connections=50k",
        "tunekit apply ./my.yaml --rollback-on-failure --format json",
        "tunekit apply web-server --persist --unit nginx.service",
        "tunekit apply web-server --netns blue --pid 4711 --no-probe",
    ),
    "0 applied and proved, or in line already; 1 the change stands but its proof failed, or "
    "--keep-going left something out; 2 wrong usage, an invalid profile, or --allow is missing; "
    "3 cannot be done here, nothing was changed; 4 failed, everything was rolled back; 5 failed, "
    "and so did the undoing of the keys that are named; 6 another run holds the lock; 130, 143 "
    "interrupted and undone.",
)


@app.command(cls=options.Command, epilog=EPILOG)
def apply(
    profile: options.ProfileArgument,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show what would be written; write nothing.")
    ] = False,
    keep_going: Annotated[
        bool,
        typer.Option("--keep-going", help="Apply what can be, leave out what cannot, exit 1."),
    ] = False,
    no_probe: Annotated[
        bool, typer.Option("--no-probe", help="Do not prove the profile's load afterwards.")
    ] = False,
    rollback_on_failure: Annotated[
        bool,
        typer.Option("--rollback-on-failure", help="Undo the change when its proof fails."),
    ] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            metavar="KEY",
            help="Let the profile set a key that can hurt, which it must allow too. Repeatable.",
        ),
    ] = None,
    pid: Annotated[
        list[int] | None,
        typer.Option(
            "--pid",
            metavar="PID",
            min=1,
            help="Set the profile's limits on this running process. Repeatable.",
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--persist", help="Make it last over a reboot, in the same transaction.")
    ] = False,
    units: options.KeepUnitsOption = None,
    users: options.KeepUsersOption = None,
    groups: options.KeepGroupsOption = None,
    manager: options.KeepManagerOption = False,
    boot_unit: options.BootUnitOption = False,
    user: options.UserOption = "nobody",
    assignments: options.SetOption = None,
    netns: options.NetnsOption = None,
    state_dir: options.StateDirOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Make a profile so, as one transaction, and prove it.

    Writes what differs, reads every value back, and opens and proves the connections that the
    profile promises. When a write fails or the run is interrupted, everything is undone. What was
    there before is kept in the journal, durable before the first write; `tunekit rollback` undoes
    it, also after a crash. A limit that is more generous already is never lowered.

    With --persist the files that make it last over a reboot are part of the transaction; see
    `tunekit persist`.
    """
    look = output.Look(format=output_format, quiet=quiet, verbose=verbose, everything=verbose)

    def operation() -> Report:
        from tunekit import api

        named = (*(units or ()), *(users or ()), *(groups or ()))
        if not keep and (named or manager or boot_unit):
            raise UsageError(
                "--unit, --user, --group, --manager and --boot-unit say what to persist",
                hint="add --persist",
            )
        with Narrator(look) as observer:
            return api.apply(
                options.load_profile(profile, assignments),
                allow=tuple(allow or ()),
                dry_run=dry_run,
                keep_going=keep_going,
                prove=not no_probe,
                rollback_on_failure=rollback_on_failure,
                pids=tuple(pid or ()),
                keeping=options.keeping(
                    users=users, groups=groups, units=units, manager=manager, boot_unit=boot_unit
                )
                if keep
                else None,
                netns=netns,
                state_dir=state_dir,
                command=options.command_line(),
                observer=observer,
                as_user=user,
            )

    return output.deliver("apply", look, operation)
