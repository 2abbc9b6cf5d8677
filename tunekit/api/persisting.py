"""Making a profile last over a reboot, and taking that back: `persist`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tunekit.api import ground as grounds
from tunekit.api.beginning import end_other_boots, new_transaction
from tunekit.api.ground import Ground
from tunekit.api.keeping import Draft, Keeping, draft, removal, unsettled
from tunekit.api.recovering import recover_unfinished
from tunekit.api.session import Observer, Silent, here, summary
from tunekit.engine import filing
from tunekit.engine.apply import Applied, execute
from tunekit.engine.model import Outcome, Plan
from tunekit.engine.store import peek
from tunekit.errors import ExitCode, Interrupted
from tunekit.profile.model import Profile
from tunekit.report.model import Report

if TYPE_CHECKING:
    from tunekit.engine.filing import Filed


def persist(
    profile: Profile,
    *,
    keeping: Keeping | None = None,
    remove: bool = False,
    dry_run: bool = False,
    state_dir: Path | None = None,
    command: str = "",
    observer: Observer | None = None,
    ground: Ground | None = None,
) -> Report:
    """Write the files that make a profile last over a reboot, as one transaction.

    Only what boot would not meet by itself is written, below `keeping.root`; nothing of the
    running kernel is changed. `remove` takes the profile's files away again. The exit code is 1
    when boot will not keep a setting in spite of them, and the findings name who is in the way.

    Raises ProfileError for what is not allowed, UsageError for a name that cannot stand in a file,
    and FileRefused for a file that tunekit did not write or that was edited since.
    """
    wanted = keeping or Keeping()
    on = grounds.chosen(state_dir, ground)
    watch = observer or Silent()

    def work_out(claims: Sequence[Filed]) -> Draft:
        return removal(profile, wanted.root, claims) if remove else draft(profile, wanted, claims)

    if dry_run:
        with peek(on.state_dir) as journal:
            found = work_out(journal.files() if journal else ())
        return preview(profile, found, remove=remove)
    return _persist(profile, work_out, on, watch, command=command, remove=remove)


def _persist(
    profile: Profile,
    work_out: Callable[[Sequence[Filed]], Draft],
    on: Ground,
    watch: Observer,
    *,
    command: str,
    remove: bool,
) -> Report:
    with on.entered() as (journal, guard):
        end_other_boots(journal)
        for note in recover_unfinished(journal, on):
            watch.note(note)
        host = here()
        found = work_out(journal.files())
        if not found.files:
            return conclude(_nothing(profile, found, remove=remove), found)
        begun = new_transaction(profile, host, command=command)
        applied = execute(
            Plan(), begun, machine=on.machine, journal=journal, guard=guard, files=found.files
        )
        return conclude(_written(profile, found, applied, on, remove=remove), found)


def preview(profile: Profile, found: Draft, *, remove: bool = False) -> Report:
    """What would be written, with every text."""
    report = Report(
        command="persist",
        verdict=f"would {'remove' if remove else 'write'} {_files(len(found.files))}"
        if found.files
        else _nothing(profile, found, remove=remove).verdict,
        next_step="nothing was written: run again without --dry-run" if found.files else "",
        host=here(),
        profile=summary(profile),
    )
    return conclude(with_texts(report, found), found)


def with_texts(report: Report, found: Draft) -> Report:
    """Add planned files to a report, with what would stand in them; null for one to be removed."""
    rows = tuple(filing.row(each, Outcome.PLANNED) for each in found.files)
    texts = [{"path": each.path, "root": each.root, "text": each.text} for each in found.files]
    return replace(report, changes=(*report.changes, *rows), data={**report.data, "files": texts})


def conclude(report: Report, found: Draft) -> Report:
    """Add to a report what boot will not keep in spite of the files, and who is in the way."""
    left = unsettled(found)
    report = replace(
        report,
        findings=(*report.findings, *left),
        notes=(*report.notes, *found.notes),
    )
    if not left or report.exit_code is not ExitCode.OK:
        return report
    names = ", ".join(finding.subject for finding in left)
    return replace(
        report,
        exit_code=ExitCode.NO,
        verdict=f"{report.verdict}; boot will not keep {names}",
    )


def _nothing(profile: Profile, found: Draft, *, remove: bool) -> Report:
    what = (
        f"no file of {profile.name} is there"
        if remove
        else (
            f"{_files(len(found.standing))} of {profile.name} are as they should be"
            if found.standing
            else f"boot meets {profile.name} by itself"
        )
    )
    return Report(
        command="persist",
        verdict=f"nothing to {'remove' if remove else 'write'}: {what}",
        host=here(),
        profile=summary(profile),
    )


def _written(
    profile: Profile, found: Draft, applied: Applied, on: Ground, *, remove: bool
) -> Report:
    number = applied.transaction.id
    report = Report(
        command="persist",
        host=here(),
        profile=summary(profile),
        transaction=applied.transaction,
        changes=applied.changes,
    )
    if applied.error is None:
        done = "removed" if remove else "written"
        return replace(
            report,
            changed=True,
            verdict=f"transaction {number}: {_files(len(found.files))} {done}",
            next_step=f"undo with: tunekit rollback {number}{on.option}",
        )
    code = ExitCode.ROLLED_BACK
    verdict = f"transaction {number} failed and everything was rolled back"
    if applied.incomplete:
        code = ExitCode.INCOMPLETE
        names = ", ".join(subject.name for subject in applied.incomplete)
        verdict = f"transaction {number} failed, and these could not be put back: {names}"
    elif isinstance(applied.error, Interrupted):
        code = applied.error.exit_code
        verdict = f"interrupted: transaction {number} was undone"
    return replace(report, exit_code=code, verdict=verdict, errors=(applied.error,))


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
