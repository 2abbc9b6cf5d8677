"""Looking without touching: load, plan, inspect, history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tunekit import catalog
from tunekit.api.session import here, make_plan, summary, take_snapshot, within
from tunekit.check.model import Finding, Status
from tunekit.engine.limits import limit_text, wanted_limit
from tunekit.engine.model import Change, Outcome, Plan, Transaction, TransactionState
from tunekit.engine.store import STATE_DIR, peek
from tunekit.errors import ExitCode, ReadFailed, StateError, TunekitError, UsageError
from tunekit.kernel import host as hosts
from tunekit.kernel.host import HostIdentity
from tunekit.kernel.readings import Denied, Elsewhere, Missing, Reading, Value
from tunekit.kernel.refusals import words
from tunekit.kernel.snapshot import Snapshot
from tunekit.kernel.sysctl import Sysctls
from tunekit.profile import load
from tunekit.profile.evaluate import RLIMIT_PREFIX, value_of
from tunekit.profile.find import spelling
from tunekit.profile.model import Limit, Profile
from tunekit.report.model import KeyRow, Report
from tunekit.values import SysctlKey, is_glob


def load_profile(profile: str | Path, *, variables: Mapping[str, str] | None = None) -> Profile:
    """Load a profile by path or name and resolve it for this host.

    `variables` override the profile's own, as texts such as `1m`. Raises ProfileError with every
    error found.
    """
    return load(
        str(profile),
        variables=variables or {},
        facts=hosts.facts(),
        kernel_has=Sysctls().has,
    )


def plan(profile: Profile, *, allow: Collection[str] = (), netns: str | None = None) -> Plan:
    """Plan what would be written to make a profile so. Writes nothing.

    Raises ProfileError for keys that can hurt and are not in `allow`.
    """
    return within(
        netns,
        lambda: make_plan(profile, take_snapshot(profile, for_writing=True), allow=allow),
    )


def inspect(
    profile: Profile | None = None,
    *,
    keys: Sequence[str] = (),
    netns: str | None = None,
    state_dir: Path | None = None,
) -> Report:
    """Compare the running kernel with a profile, or show keys and globs of keys.

    Without either: against the profile that was applied last, else the catalogue's keys. Writes
    nothing and works for any user. The exit code is 0 in line, 1 drift, 3 when a required value
    cannot be read.
    """
    if keys:
        return within(netns, lambda: _show(_expand(keys)))
    notes: tuple[str, ...] = ()
    if profile is None:
        profile, notes = _last_applied(state_dir or STATE_DIR)
    if profile is None:
        report = within(netns, lambda: _show(_catalogued()))
        return replace(report, notes=(*notes, *report.notes))
    chosen = profile
    report = within(netns, lambda: _compare(chosen))
    notes = (*notes, *_unfinished(state_dir or STATE_DIR))
    return replace(report, notes=(*notes, *report.notes))


def _last_applied(state_dir: Path) -> tuple[Profile | None, tuple[str, ...]]:
    try:
        with peek(state_dir) as journal:
            applied = [
                transaction
                for transaction in (journal.transactions() if journal else ())
                if transaction.state is TransactionState.APPLIED
            ]
    except StateError as error:
        return None, (f"which profile was applied last is unknown: {error}",)
    if not applied:
        return None, ("no profile has been applied; these are the keys of the catalogue",)
    last = applied[-1]
    try:
        return load_profile(last.path or last.profile), (
            f"compared with {last.profile}, which transaction {last.id} applied last",
        )
    except TunekitError as error:
        return None, (f"{last.profile}, applied last, cannot be loaded any more: {error}",)


def _unfinished(state_dir: Path) -> Iterator[str]:
    try:
        with peek(state_dir) as journal:
            for transaction in journal.transactions() if journal else ():
                if transaction.state is TransactionState.BEGUN:
                    yield (
                        f"transaction {transaction.id} is unfinished: undo it with "
                        f"`tunekit rollback {transaction.id}`"
                    )
    except StateError:
        # Somebody who may not read the journal is told so where it decides an answer.
        return


def _compare(profile: Profile) -> Report:
    snapshot = take_snapshot(profile, for_writing=False)
    allow = [str(key) for key in profile.allow]
    planned = make_plan(profile, snapshot, allow=allow)
    rows = {change.key: change for change in (*planned.writes, *planned.settled, *planned.blocked)}
    ordered = [rows[str(setting.key)] for setting in profile.settings]
    findings = [_judge(change) for change in ordered]
    findings += [_judge_limit(limit, snapshot, spelling(profile.path)) for limit in profile.limits]
    count = Counter(finding.status for finding in findings)
    drift, unknown = count[Status.FAIL], count[Status.UNKNOWN]
    code = ExitCode.IMPOSSIBLE if unknown else ExitCode.NO if drift else ExitCode.OK
    return Report(
        command="inspect",
        exit_code=code,
        verdict=_sentence(profile, count),
        next_step=f"make it so: tunekit apply {spelling(profile.path)}" if drift else "",
        host=snapshot.host,
        profile=summary(profile),
        changes=tuple(change for change in ordered if change.outcome is Outcome.PLANNED),
        findings=tuple(findings),
        notes=profile.warnings,
    )


def _sentence(profile: Profile, count: Counter[Status]) -> str:
    rest = "".join(
        f", {count[status]} {what}"
        for status, what in (
            (Status.UNKNOWN, "cannot be told"),
            (Status.WARN, "short for a process started here"),
            (Status.SKIP, "not for this host"),
        )
        if count[status]
    )
    if not count[Status.FAIL] and not count[Status.UNKNOWN]:
        return f"in line with {profile.name}: {count[Status.PASS]} settings hold{rest}"
    return f"{count[Status.FAIL]} of {count.total()} settings differ from {profile.name}{rest}"


def _judge(change: Change) -> Finding:
    status = Status.PASS
    observed = change.before or change.detail
    if change.outcome in (Outcome.PLANNED, Outcome.UNCHANGED):
        if not _holds(change):
            status = Status.FAIL
    elif change.optional:
        status = Status.SKIP
    elif change.outcome is Outcome.ELSEWHERE and change.before is not None:
        # Shown here, set on the host: what it is can be told, and it is not what is wanted.
        status = Status.FAIL
    elif change.outcome is Outcome.REJECTED:
        status, observed = Status.FAIL, f"{change.before}: {change.detail}"
    else:
        status = Status.UNKNOWN
    remedy = change.remedy
    return Finding(
        check="sysctl",
        status=status,
        subject=change.key,
        expected=change.wanted or change.requirement,
        observed=observed,
        reason=change.reason,
        remedy=remedy,
        location=change.location,
    )


def _holds(change: Change) -> bool:
    if change.before is None or change.wanted is None:
        return False
    return value_of(change.key, change.before) == value_of(change.key, change.wanted)


def _judge_limit(limit: Limit, snapshot: Snapshot, profile: str) -> Finding:
    name = RLIMIT_PREFIX + limit.name
    reading = snapshot.limits[limit.name]
    tunable = catalog.find(name)
    row = Finding(
        check="limit",
        status=Status.UNKNOWN,
        subject=name,
        expected=limit_text(limit),
        reason=limit.reason or (tunable.summary if tunable else ""),
        location=limit.location,
    )
    if not isinstance(reading, Value):
        return replace(row, observed="cannot be read")
    value = value_of(name, reading.text)
    if value == wanted_limit(reading.text, limit):
        return replace(row, status=Status.PASS, observed=reading.text)
    # No sysctl changes it: a warning, since it says what a process started from here would get.
    return replace(
        row,
        status=Status.WARN,
        observed=reading.text,
        remedy=f"tunekit run {profile} -- COMMAND",
    )


def _expand(patterns: Sequence[str]) -> list[SysctlKey]:
    from fnmatch import fnmatchcase

    sysctls = Sysctls()
    found: dict[SysctlKey, None] = {}
    everything = list(sysctls.walk()) if any(map(is_glob, patterns)) else []
    for pattern in patterns:
        if not is_glob(pattern):
            found[SysctlKey.parse(pattern)] = None
            continue
        if pattern == "*":
            matching = everything
        else:
            dotted = pattern.replace("/", ".") if "." not in pattern else pattern
            matching = [key for key in everything if fnmatchcase(str(key), dotted)]
        if not matching:
            raise UsageError(
                "no key of this kernel matches", key=pattern, hint="see them with inspect '*'"
            )
        found.update(dict.fromkeys(matching))
    return list(found)


def _catalogued() -> list[SysctlKey]:
    sysctls = Sysctls()
    known = [t.pattern for t in catalog.entries() if "*" not in t.pattern and not t.secret]
    keys = [SysctlKey.parse(name) for name in known if not name.startswith(RLIMIT_PREFIX)]
    return [key for key in keys if sysctls.has(key) and not catalog.is_unsafe_to_read(key)]


def _show(keys: Sequence[SysctlKey]) -> Report:
    sysctls = Sysctls()
    rows = tuple(_key_row(key, sysctls) for key in keys)
    lost = [row for row in rows if row.value is None]
    errors: list[TunekitError] = []
    if len(keys) == len(lost):
        errors = [_unreadable(row) for row in lost]
    return Report(
        command="inspect",
        exit_code=ExitCode.IMPOSSIBLE if errors else ExitCode.OK,
        host=here(),
        keys=rows,
        errors=tuple(errors),
    )


def _unreadable(row: KeyRow) -> ReadFailed:
    near = catalog.suggest(row.key)
    tunable = catalog.find(row.key)
    if tunable is not None and tunable.replacement:
        hint = tunable.replacement
    elif tunable is None and near:
        hint = f"did you mean {near[0]}?"
    else:
        hint = "see which keys there are with inspect '*'"
    return ReadFailed(row.state, key=row.key, hint=hint)


def _key_row(key: SysctlKey, sysctls: Sysctls) -> KeyRow:
    name = str(key)
    tunable = catalog.find(key)
    if catalog.is_unsafe_to_read(key):
        secret = tunable is not None and tunable.secret
        state = "a secret, never shown" if secret else "reading it has a side effect"
        value = None
    else:
        value, state = _value_and_state(sysctls.read(key))
    if tunable is None:
        return KeyRow(key=name, value=value, state=state)
    low = [field.minimum for field in tunable.fields]
    high = [field.maximum for field in tunable.fields]
    return KeyRow(
        key=name,
        value=value,
        state=state,
        unit=tunable.unit,
        minimum=_bound(low),
        maximum=_bound(high),
        default=tunable.default,
        scope=tunable.scope.value,
        meaning=tunable.summary,
    )


def _value_and_state(reading: Reading) -> tuple[str | None, str]:
    match reading:
        case Value(text):
            return text, ""
        case Denied(cause, _):
            return None, words(cause)[0]
        case Elsewhere():
            return None, "the host's own: this network namespace does not show it"
        case Missing():
            return None, "this kernel has no such key"


def _bound(bounds: Sequence[int | None]) -> str:
    shown_bounds = ["" if bound is None else str(bound) for bound in bounds]
    return shown_bounds[0] if len(set(shown_bounds)) == 1 else " ".join(shown_bounds)


def history(*, state_dir: Path | None = None) -> Report:
    """List the transactions of the journal, oldest first. Writes nothing.

    A user who may not read the journal gets an `unknown` finding.
    """
    folder = state_dir or STATE_DIR
    host = here()
    try:
        with peek(folder) as journal:
            transactions = tuple(journal.transactions()) if journal else ()
    except StateError as error:
        if error.errno is None:
            raise
        finding = Finding(
            check="journal",
            status=Status.UNKNOWN,
            subject=error.path,
            observed=error.message,
            remedy="run as root",
        )
        return Report(command="history", host=host, findings=(finding,))
    return Report(
        command="history",
        host=host,
        transactions=transactions,
        verdict=_history_sentence(transactions, host),
    )


def _history_sentence(transactions: Sequence[Transaction], host: HostIdentity) -> str:
    if not transactions:
        return "no transaction yet"
    standing = [
        str(transaction.id)
        for transaction in transactions
        if transaction.state is TransactionState.APPLIED and transaction.boot_id == host.boot_id
    ]
    begun = [str(t.id) for t in transactions if t.state is TransactionState.BEGUN]
    parts = [f"in force: {', '.join(standing)}" if standing else "none in force"]
    if begun:
        parts.append(f"unfinished: {', '.join(begun)} (undo with `tunekit rollback`)")
    return "; ".join(parts)
