"""The options that mean the same in every command, and how their texts are read."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli.coercion import Command as Command
from tunekit.cli.reports import ReportFile, report_file
from tunekit.errors import InvalidValue, UsageError
from tunekit.report.formats import Format

if TYPE_CHECKING:
    from tunekit.api.keeping import Keeping
    from tunekit.profile.model import Profile

FormatOption = Annotated[
    Format,
    typer.Option("--format", "-f", help="How the result is written.", show_default=True),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress and no notes on standard error.")
]
VerboseOption = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Say more; show a traceback after an internal error."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Override a variable of the profile. Repeatable."
    ),
]
NetnsOption = Annotated[
    str | None,
    typer.Option(
        "--netns",
        metavar="NAME|PID",
        help="Act in this network namespace: a name of `ip netns`, or that of a process.",
    ),
]


def file(text: str) -> Path:
    """Read the path of a file. Raises BadParameter for an empty one: a variable is unset."""
    if not text:
        raise typer.BadParameter("an empty path; name a file")
    return Path(text)


def folder(text: str) -> Path:
    """Read the path of a folder. Raises BadParameter for an empty one: a variable is unset."""
    if not text:
        raise typer.BadParameter("an empty path; name a folder")
    return Path(text)


def _file(text: str) -> Path:
    if not text:
        raise typer.BadParameter("an empty path; name a file")
    return Path(text)


OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        parser=_file,
        metavar="FILE",
        help="Write to this file, which must not be there yet, instead of standard output.",
    ),
]
ProfileArgument = Annotated[
    str, typer.Argument(metavar="PROFILE", help="A path, or the name of a profile.")
]
StateDirOption = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        parser=folder,
        metavar="DIR",
        help="Where the journal is kept.  [default: /var/lib/tunekit]",
    ),
]
RootOption = Annotated[
    Path | None,
    typer.Option(
        "--root",
        parser=folder,
        metavar="DIR",
        help="Another root file system, an image or a chroot: its files alone, not this kernel.",
    ),
]
UserOption = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="USER",
        help="Who the probe runs as when started by root, whom no limit of the host stops.",
    ),
]


# For whom the limits of a profile are kept over a reboot.
KeepUsersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--user", metavar="USER", help="Keep the limits for this user's sessions (PAM). Repeatable."
    ),
]
KeepGroupsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--group", metavar="GROUP", help="Keep the limits for a group's sessions. Repeatable."
    ),
]
KeepUnitsOption = Annotated[
    list[str] | None,
    typer.Option("--unit", metavar="UNIT", help="Keep the limits for a systemd unit. Repeatable."),
]
KeepManagerOption = Annotated[
    bool, typer.Option("--manager", help="Keep the limits as the defaults of every unit.")
]
BootUnitOption = Annotated[
    bool,
    typer.Option(
        "--boot-unit",
        help="Have a systemd unit apply the profile at boot, so that `at least` stays at least.",
    ),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="The secret that server and clients share; nobody else may be able to read it.",
    ),
]


def _check_report_files(texts: list[str] | None) -> list[str] | None:
    try:
        report_files(texts)
    except UsageError as error:
        raise typer.BadParameter(f"{error.message}; {error.hint}") from error
    return texts


ReportOption = Annotated[
    list[str] | None,
    typer.Option(
        "--report",
        metavar="FORMAT=FILE",
        callback=_check_report_files,
        help="Write the result into a file, too, in any of the formats. Repeatable.",
    ),
]


def report_files(texts: Sequence[str] | None) -> tuple[ReportFile, ...]:
    """Read the texts of `--report`. Raises UsageError for one that is no format and file."""
    return tuple(report_file(text) for text in texts or ())


def _check_plot(path: Path | None) -> Path | None:
    if path is not None:
        from tunekit.report import plot

        try:
            plot.check(path)
        except UsageError as error:
            raise typer.BadParameter(f"{error.message}; {error.hint}") from error
    return path


PlotOption = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        callback=_check_plot,
        help="Draw the figures into this file, .svg or .png, too. Needs tunekit[plot].",
    ),
]


_QUANTITY = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)"
_SECONDS = {"us": 1e-6, "ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}


def keeping(
    *,
    root: Path | None = None,
    users: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    units: Sequence[str] | None = None,
    manager: bool = False,
    boot_unit: bool = False,
    allow: Sequence[str] | None = None,
) -> Keeping:
    """What to make last over a reboot, from the options that say it."""
    from tunekit.api.keeping import Keeping

    return Keeping(
        root=root or Path("/"),
        users=tuple(users or ()),
        groups=tuple(groups or ()),
        units=tuple(units or ()),
        manager=manager,
        boot_unit=boot_unit,
        allow=frozenset(allow or ()),
    )


UnitOption = Annotated[
    str | None,
    typer.Option(
        "--unit", metavar="UNIT", help="The limits of this systemd service at its next start."
    ),
]
AccountOption = Annotated[
    str | None,
    typer.Option("--user", metavar="USER", help="The limits of this user's sessions (PAM)."),
]


class RuntimeName(Enum):
    """The container runtimes whose configuration is known, as they are asked for."""

    DOCKER = "docker"
    CONTAINERD = "containerd"
    CRIO = "crio"
    PODMAN = "podman"


RuntimeOption = Annotated[
    RuntimeName | None,
    typer.Option("--runtime", help="The limits of this runtime's containers."),
]


def new_app() -> typer.Typer:
    """Make the Typer of one command's module."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def epilog(examples: Sequence[str], codes: str) -> str:
    """The end of a help text: examples as they are typed, then the exit codes.

    `\\b` keeps the lines of its paragraph as they are.
    """
    typed = "\n".join(f"  {example}" for example in examples)
    return f"\b\nExamples:\n{typed}\n\nExit codes: {codes}"


def load_profile(name: str, assignments: Sequence[str] | None) -> Profile:
    """Load a profile with the variables of `--set`."""
    from tunekit import api
    from tunekit.profile.variables import parse_assignments

    return api.load_profile(name, variables=parse_assignments(assignments or ()))


def number(text: str, *, option: str, lowest: int = 1, highest: int = 2**63 - 1) -> int:
    """Read a number with an optional unit: `10k`, `64KiB`.

    Raises UsageError with the option that it was given to.
    """
    from tunekit.profile.expressions import literal

    try:
        value = literal(text.strip()).value
    except InvalidValue as error:
        raise UsageError(error.message, key=option, hint=error.hint) from error
    if value < lowest:
        raise UsageError(f"{value} is less than {lowest}", key=option, hint="write a larger number")
    if value > highest:
        raise UsageError(
            f"{value} is more than {highest}", key=option, hint="write a smaller number"
        )
    return value


def duration(text: str, *, option: str, zero: bool = True) -> float:
    """Read a time such as `500us`, `20ms`, `30s`, `2m` or `1h` in seconds, the unit of a bare one.

    Raises UsageError with the option that it was given to; for no time at all unless `zero`.
    """
    match = re.fullmatch(f"{_QUANTITY}(us|ms|s|m|h|)", text.strip())
    if match is None:
        raise UsageError(
            f"{text!r} is not a time", key=option, hint="write 500us, 20ms, 30s, 2m or 1h"
        )
    seconds = float(match[1]) * _SECONDS[match[2]]
    if not seconds and not zero:
        raise UsageError(f"{text!r} leaves no time", key=option, hint="write 500ms, 30s, 2m or 1h")
    return seconds


def share(text: str, *, option: str) -> float:
    """Read a part of a whole, such as `1%` or `0.01`, as a number over 0 and up to 1.

    Raises UsageError with the option that it was given to.
    """
    match = re.fullmatch(f"{_QUANTITY}(%?)", text.strip())
    value = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < value <= 1:
        raise UsageError(
            f"{text!r} is not a part of the whole", key=option, hint="write 1% or 0.01, up to 100%"
        )
    return value


def command_line() -> str:
    """The command as it was typed, for the journal."""
    import shlex

    return shlex.join(["tunekit", *sys.argv[1:]])
