"""`--save` and `--compare`: runs that are kept in files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunekit.cli import options
from tunekit.errors import UsageError

if TYPE_CHECKING:
    from tunekit.report.model import Report

SaveOption = Annotated[
    Path | None,
    typer.Option(
        "--save",
        parser=options.file,
        metavar="FILE",
        help="Keep this run: raw samples, host identity and sysctls, as JSON.",
    ),
]
CompareOption = Annotated[
    Path | None,
    typer.Option(
        "--compare",
        parser=options.file,
        metavar="FILE",
        help="Set a run that --save has kept beside this one.",
    ),
]


def check(command: str, save: Path | None, compare: Path | None) -> None:
    """Find out before anything is measured what would fail after it. Raises UsageError."""
    if compare is not None:
        from tunekit.api import saving

        saving.kept_run(compare, command=command)
    if save is not None and not save.parent.is_dir():
        raise UsageError("its folder is not there", path=str(save), hint=f"mkdir -p {save.parent}")


def settle(
    report: Report, save: Path | None, compare: Path | None, *, netns: str | None = None
) -> Report:
    """Keep a report, and set a kept one beside it. Raises UsageError where that cannot be done."""
    if save is None and compare is None:
        return report
    from tunekit.api import saving

    found = report
    if compare is not None:
        found = saving.compared(report, compare, netns=netns)
    if save is not None:
        from tunekit.cli.reports import replace_file

        try:
            replace_file(save, saving.saved_text(report, netns=netns))
        except OSError as error:
            raise UsageError(
                f"cannot be written: {error.strerror}",
                path=str(save),
                errno=error.errno,
                hint="give a file in a folder that may be written to",
            ) from error
    return found
