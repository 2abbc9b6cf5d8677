"""`tunekit preflight`: may a build that needs this profile go to this host?"""

# Without `from __future__ import annotations`: typer would compile each of them anew.

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tunekit.cli import options, output
from tunekit.cli.progress import Narrator
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.report.model import Report

app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit preflight high-conn",
        "tunekit preflight ./my.yaml --unit nginx --probe quick",
        "tunekit preflight high-conn --wait 60s --skip conntrack --warn limits",
        "tunekit preflight high-conn -f github --report junit=preflight.xml",
    ),
    "0 yes; 1 no: a check failed (with --policy strict also what is warned of or cannot be told); "
    "2 wrong usage, an invalid profile; 3 something cannot be told (0 with --policy lenient); "
    "130, 143 interrupted.",
)


class PolicyName(Enum):
    """How strict the gate is, as the command line says it."""

    STRICT = "strict"
    DEFAULT = "default"
    LENIENT = "lenient"


class ProbingName(Enum):
    """How much is proved, as the command line says it."""

    QUICK = "quick"
    FULL = "full"


class Preflight(options.Command):
    """A command whose `--probe` may stand without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Read the arguments; a `--probe` that no known word follows means all of it."""
        known = [each.value for each in ProbingName]
        whole: list[str] = []
        for index, word in enumerate(args):
            whole.append(word)
            if word == "--":
                whole += args[index + 1 :]
                break
            if word == "--probe" and args[index + 1 : index + 2] not in ([name] for name in known):
                whole.append(ProbingName.FULL.value)
        return super().parse_args(ctx, whole)


@app.command(cls=Preflight, epilog=EPILOG)
def preflight(
    profile: Annotated[
        str, typer.Argument(metavar="PROFILE", help="A path, or the name of a profile.")
    ],
    pid: Annotated[
        int | None,
        typer.Option(
            "--pid",
            metavar="PID",
            min=1,
            help="Judge the limits of this running process.  [default: of this one]",
        ),
    ] = None,
    unit: options.UnitOption = None,
    account: options.AccountOption = None,
    runtime: options.RuntimeOption = None,
    probe: Annotated[
        ProbingName | None,
        typer.Option(
            "--probe",
            metavar="[quick]",
            help="Prove the profile's connections with real sockets, too; quick: at most 1,000.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="CHECK", help="Ask this check alone. Repeatable."),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option("--skip", metavar="CHECK", help="Leave this check out. Repeatable."),
    ] = None,
    warn: Annotated[
        list[str] | None,
        typer.Option(
            "--warn", metavar="CHECK", help="What this check finds fails nothing. Repeatable."
        ),
    ] = None,
    policy: Annotated[
        PolicyName,
        typer.Option("--policy", help="What warnings and unknowns do to the exit code."),
    ] = PolicyName.DEFAULT,
    wait: Annotated[
        str | None,
        typer.Option("--wait", metavar="TIME", help="Ask again until the answer is yes, so long."),
    ] = None,
    interval: Annotated[
        str, typer.Option("--interval", metavar="TIME", help="How often to ask while waiting.")
    ] = "2s",
    reports: options.ReportOption = None,
    user: options.UserOption = "nobody",
    assignments: options.SetOption = None,
    netns: options.NetnsOption = None,
    root: options.RootOption = None,
    state_dir: options.StateDirOption = None,
    output_format: options.FormatOption = Format.TABLE,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> int:
    """Tell whether a build that needs a profile may go to this host.

    Asks every check: do the settings hold, will the service get its limits, is there room for the
    connections? Says of each what was expected, what was observed, why it matters and what mends
    it. What cannot be seen is unknown, never passed. Writes nothing and works for any user.
    """
    look = output.Look(
        format=output_format,
        quiet=quiet,
        verbose=verbose,
        everything=verbose,
        reports=options.report_files(reports),
    )

    def operation() -> "Report":
        from tunekit import api
        from tunekit.api.gating import Probing
        from tunekit.check.policy import Policy

        with Narrator(look) as observer:
            return api.preflight(
                options.load_profile(profile, assignments),
                pid=pid,
                unit=unit or "",
                user=account or "",
                runtime=runtime.value if runtime else "",
                probing=Probing[probe.name] if probe else None,
                only=tuple(only or ()),
                skip=tuple(skip or ()),
                warn=tuple(warn or ()),
                policy=Policy[policy.name],
                wait=options.duration(wait, option="--wait") if wait else 0.0,
                interval=options.duration(interval, option="--interval"),
                netns=netns,
                root=root,
                state_dir=state_dir,
                as_user=user,
                observer=observer,
            )

    return output.deliver("preflight", look, operation)
