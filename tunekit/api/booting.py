"""The running kernel, what boot will set, and what is wanted, side by side: `inspect --boot`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote

from tunekit import catalog
from tunekit.api.session import here, make_plan, summary, take_snapshot
from tunekit.check.boot import Prospect, in_words, meets, prospect, same
from tunekit.check.model import Status
from tunekit.errors import ExitCode, InvalidKey
from tunekit.files.boot import Boot, find_reader, read_boot
from tunekit.files.model import Assignment, Reader
from tunekit.files.root import Root
from tunekit.kernel.defaults import kernel_defaults
from tunekit.kernel.readings import Value
from tunekit.kernel.sysctl import Sysctls
from tunekit.profile.evaluate import shown
from tunekit.profile.find import spelling
from tunekit.profile.model import Profile, Requirement
from tunekit.records import dataclass
from tunekit.report.model import BootLine, BootRow, Report
from tunekit.values import SysctlKey

HOST = Path("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted of a key; nothing where it is merely looked at."""

    key: SysctlKey
    requirements: tuple[Requirement, ...] = ()
    prefer: tuple[str, ...] = ()
    optional: bool = False

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is wanted."""
        return not self.requirements and not self.prefer


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What boot will do: as the program that reads its files sees them, and as the other program
    would, None where there is no other.
    """

    root: Path
    boot: Boot
    other: Boot | None

    @property
    def is_host(self) -> bool:
        """Tell whether the running kernel is this root's."""
        return self.root == HOST


def look(root: Path = HOST, *, overlay: Mapping[str, str | None] | None = None) -> Outlook:
    """Read what boot will set below a root. Raises UsageError when it is no directory.

    `overlay` are files to see in place of those that are there, None to see none.
    """
    with Root(root, overlay=overlay) as opened:
        reader = find_reader(opened)
        boot = read_boot(opened, reader)
        other = None
        if reader is Reader.SYSTEMD:
            other = read_boot(opened, Reader.PROCPS)
        return Outlook(root=HOST if opened.is_host else root, boot=boot, other=other)


def inspect_boot(
    profile: Profile | None, patterns: Sequence[str] = (), *, root: Path = HOST
) -> Report:
    """Compare a profile with boot, or show what boot makes of keys, or of all that it sets."""
    if profile is not None:
        return compare_boot(profile, root=root)
    if not patterns:
        return show_boot(root=root)
    from tunekit.api.showing import expand

    return show_boot(expand(patterns), root=root)


def compare_boot(profile: Profile, *, root: Path = HOST) -> Report:
    """Compare a profile with the running kernel and with what boot will set. Writes nothing.

    Of a root other than `/` nothing runs, so that its files alone are judged.
    """
    outlook = look(root)
    rows = _rows(wishes(profile, outlook), outlook)
    count = Counter(row.status for row in rows)
    failed, unknown = count[Status.FAIL], count[Status.UNKNOWN]
    verdict = f"{failed} of {len(rows)} settings of {profile.name} do not hold now or after boot"
    if unknown:
        verdict += f", {unknown} cannot be told"
    if not failed and not unknown:
        verdict = f"boot keeps {profile.name}: {count[Status.PASS]} settings hold"
    where = "" if outlook.is_host else f" --root {quote(str(root))}"
    return Report(
        command="inspect",
        exit_code=ExitCode.NO if failed else ExitCode.IMPOSSIBLE if unknown else ExitCode.OK,
        verdict=verdict,
        next_step=f"make it last: tunekit persist {spelling(profile.path)}{where}"
        if failed or unknown
        else "",
        host=here(),
        profile=summary(profile),
        boot=rows,
        notes=(*profile.warnings, *_remarks(outlook)),
    )


def show_boot(keys: Sequence[SysctlKey] = (), *, root: Path = HOST) -> Report:
    """Show what keys are and what boot makes of them. Writes nothing.

    Without keys: all that boot sets, and the exit code is 1 when one of them has another value
    now, 3 when that cannot be told.
    """
    outlook = look(root)
    rows = _rows([Wish(key=key) for key in keys or _set_by(outlook.boot)], outlook)
    report = Report(command="inspect", host=here(), boot=rows, notes=tuple(_remarks(outlook)))
    if keys or not outlook.is_host:
        return report
    return _with_drift(report, Counter(row.status for row in rows))


def _with_drift(report: Report, count: Counter[Status]) -> Report:
    total = count.total()
    if count[Status.FAIL]:
        return replace(
            report,
            exit_code=ExitCode.NO,
            verdict=f"{count[Status.FAIL]} of the {total} keys that boot sets have another value "
            "now",
        )
    if count[Status.UNKNOWN]:
        return replace(
            report,
            exit_code=ExitCode.IMPOSSIBLE,
            verdict=f"{count[Status.UNKNOWN]} of the {total} keys that boot sets cannot be told",
        )
    return replace(
        report, verdict=f"all {count[Status.PASS]} keys that boot sets are as it sets them"
    )


def wishes(profile: Profile, outlook: Outlook) -> list[Wish]:
    """What a profile wants of each of its keys, with preferences resolved where it runs."""
    resolved: dict[str, tuple[Requirement, ...]] = {}
    if outlook.is_host:
        snapshot = take_snapshot(profile, for_writing=False)
        plan = make_plan(profile, snapshot, allow=[str(key) for key in profile.allow])
        resolved = {claim.subject.name: claim.requirements for claim in plan.claims}
    return [
        Wish(
            key=setting.key,
            requirements=resolved.get(str(setting.key), setting.requirements),
            prefer=() if str(setting.key) in resolved else setting.prefer,
            optional=setting.optional,
        )
        for setting in profile.settings
    ]


def prospects(wanted: Sequence[Wish], outlook: Outlook) -> list[Prospect]:
    """What boot will make of each key that something is wanted of."""
    defaults = kernel_defaults([wish.key for wish in wanted]) if outlook.is_host else {}
    return [
        prospect(
            wish.key,
            outlook.boot,
            requirements=wish.requirements,
            prefer=wish.prefer,
            default=defaults.get(wish.key),
        )
        for wish in wanted
    ]


def _rows(wanted: Sequence[Wish], outlook: Outlook) -> tuple[BootRow, ...]:
    sysctls = Sysctls()
    rows = []
    for wish, after in zip(wanted, prospects(wanted, outlook), strict=True):
        running = None
        if outlook.is_host and not catalog.is_unsafe_to_read(wish.key):
            reading = sysctls.read(wish.key)
            running = reading.text if isinstance(reading, Value) else None
        rows.append(_row(wish, after, running, outlook))
    return tuple(rows)


def _row(wish: Wish, after: Prospect, running: str | None, outlook: Outlook) -> BootRow:
    name = str(wish.key)
    status, reason = _judge(wish, after, running, outlook)
    winner = after.winner
    return BootRow(
        key=name,
        running=None if running is None else shown(name, running),
        boot=None if after.value is None else shown(name, after.value),
        wanted=shown(name, in_words(wish.requirements, wish.prefer)),
        status=status,
        reason="; ".join(filter(None, (reason, _otherwise(wish.key, after, outlook)))),
        decided_by=_line(winner) if winner else None,
        shadowed=tuple(
            _line(each.assignment, by=each.by) for each in outlook.boot.shadowed(wish.key)
        ),
    )


def _judge(
    wish: Wish, after: Prospect, running: str | None, outlook: Outlook
) -> tuple[Status, str]:
    name = str(wish.key)
    if outlook.is_host and running is None:
        if wish.optional:
            return Status.SKIP, "not here"
        return Status.UNKNOWN, "cannot be read now"
    if not wish.is_empty:
        if outlook.is_host and meets(name, running, wish.requirements) is False:
            return Status.FAIL, f"not so now; after boot, {after.reason}"
        return after.status, after.reason
    if after.winner is None and after.value is None:
        return Status.SKIP, "no file sets it"
    if not outlook.is_host or after.value is None:
        return (Status.SKIP if not outlook.is_host else Status.UNKNOWN), after.reason
    if same(name, running, after.value):
        return Status.PASS, after.reason
    return Status.FAIL, f"it was changed since boot, or its line was: {after.reason}"


def _otherwise(key: SysctlKey, after: Prospect, outlook: Outlook) -> str:
    """What the other program would make of the same files, where that differs."""
    if outlook.other is None:
        return ""
    winner = outlook.other.winner(key)
    if winner is None or winner == after.winner or winner.value is None:
        return ""
    if same(str(key), outlook.other.value(key, after.value), after.value):
        return ""
    value = shown(str(key), winner.value)
    return (
        f"but `{Reader.PROCPS.value}`, if somebody runs it, would set {value} from {winner.origin}"
    )


def _line(assignment: Assignment, *, by: str = "") -> BootLine:
    value = assignment.text
    key = assignment.path.replace("/", ".")
    return BootLine(
        file=assignment.origin.file,
        line=assignment.origin.line or None,
        writer=assignment.writer.value,
        key=assignment.path,
        value=None if value is None else shown(key, value),
        by=by,
    )


def _set_by(boot: Boot) -> Iterator[SysctlKey]:
    """The keys of this kernel that some line sets, in the order of their names."""
    sysctls = Sysctls()
    lines = (*boot.earlier, *boot.lines, *(boot.profile.writes if boot.profile else ()))
    found = set()
    for each in lines:
        if not each.is_glob and each.value is not None:
            try:
                key = SysctlKey.parse("/".join(part for part in each.path.split("/") if part))
                if sysctls.has(key):
                    found.add(key)
            except InvalidKey:
                continue
    if any(each.is_glob for each in lines):
        found.update(key for key in sysctls.walk() if boot.winner(key) is not None)
    yield from sorted((key for key in found if boot.winner(key) is not None), key=str)


def _remarks(outlook: Outlook) -> Iterator[str]:
    boot = outlook.boot
    if boot.reader is None:
        yield "nothing reads sysctl.d when this system boots: neither systemd-sysctl nor procps"
    for unread in boot.unread:
        yield f"{unread.path}: {unread.cause}; what it sets is unknown"
    for bad in boot.bad:
        yield f"{bad.origin}: not an assignment, so boot passes over it: {bad.text.strip()}"
