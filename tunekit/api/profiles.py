"""Profiles as files: which there are, what they come to, how two differ, a new one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tunekit.api.looking import load_profile
from tunekit.api.session import summary
from tunekit.errors import ExitCode, ProfileError, TunekitError, UsageError
from tunekit.profile import files
from tunekit.profile.evaluate import requirement_text
from tunekit.profile.find import DEFAULT_SEARCH, locate, names
from tunekit.profile.model import Limit, Profile, Setting
from tunekit.profile.problems import Problems
from tunekit.profile.writing import Draft, draft_of, write
from tunekit.report.model import Listing, Report

_ABSENT = "-"


def list_profiles(*, search: Sequence[Path] = DEFAULT_SEARCH) -> Report:
    """List the profiles that a bare name can stand for, with their summaries."""
    rows = tuple((name, *_described(name, search)) for name in names(search))
    return Report(
        command="profile list",
        listings=(Listing(title="", columns=("name", "summary", "file"), rows=rows),),
        next_step="see one with tunekit profile show NAME" if rows else "",
        verdict="" if rows else f"no profiles in {' or '.join(map(str, search))}",
    )


def _described(name: str, search: Sequence[Path]) -> tuple[str, str]:
    path = locate(name, search=search)
    problems = Problems()
    try:
        # Whoever owns it: it is only shown. Applying it is stricter.
        data, _ = files.read_bytes(path, None)
    except TunekitError as error:
        return f"({error.message})", str(path)
    document = files.from_bytes(data, str(path), problems)
    broken = f"(does not load: tunekit profile check {name})"
    return broken if len(problems) else document.summary, str(path)


def show_profile(profile: Profile) -> Report:
    """Write a profile out as this host resolves it: parents merged, expressions computed.

    `text` is a profile itself; above each entry stands the file and line that it comes from.
    """
    draft = draft_of(profile, places=True)
    remark = f"{profile.path}, resolved for this host"
    values = ", ".join(f"{name}={number}" for name, number in sorted(profile.variables.items()))
    head = (f"{remark} with {values}" if values else remark,)
    return Report(
        command="profile show",
        profile=summary(profile),
        text=write(_with_head(draft, head)),
        notes=profile.warnings,
    )


def _with_head(draft: Draft, head: tuple[str, ...]) -> Draft:
    from dataclasses import replace

    return replace(draft, head=head)


def check_profiles(
    profiles: Sequence[str | Path], *, variables: Mapping[str, str] | None = None
) -> Report:
    """Load profiles and tell everything that is wrong with them.

    The exit code is 2 when one cannot be used.
    """
    errors: list[TunekitError] = []
    warnings: list[str] = []
    rows = []
    for name in profiles:
        try:
            profile = load_profile(name, variables=variables)
        except ProfileError as error:
            errors += error.problems
            rows.append((str(name), "invalid", _counted(len(error.problems), "error")))
            continue
        warnings += profile.warnings
        found = [_counted(len(profile.settings), "setting"), _counted(len(profile.limits), "limit")]
        found += [_counted(len(profile.warnings), "warning")] if profile.warnings else []
        rows.append((profile.path, "valid", ", ".join(found)))
    bad = sum(1 for row in rows if row[1] == "invalid")
    return Report(
        command="profile check",
        exit_code=ExitCode.USAGE if bad else ExitCode.OK,
        listings=(Listing(title="", columns=("profile", "verdict", "what"), rows=tuple(rows)),),
        verdict=f"{bad} of {_counted(len(rows), 'profile')} cannot be used" if bad else "",
        errors=tuple(errors),
        notes=tuple(dict.fromkeys(warnings)),
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def new_profile(name: str) -> Report:
    """A profile to begin with, called `name`, with a comment on every part.

    Raises UsageError for a name that is empty or does not print.
    """
    from tunekit.profile.template import template

    if not name.strip() or not name.isprintable():
        raise UsageError(
            "not a name for a profile", key=name, hint="write one such as mine or web-server"
        )
    return Report(command="profile new", text=template(name))


def profile_schema() -> Report:
    """The JSON Schema of a profile file, for editors."""
    from tunekit.profile.schema import schema

    return Report(command="profile schema", text=json.dumps(schema(), indent=2) + "\n")


def diff_profiles(one: Profile, other: Profile) -> Report:
    """Compare what two profiles come to on this host.

    The exit code is 0 when they ask for the same, 1 when not.
    """
    left, right = dict(_asked(one)), dict(_asked(other))
    rows = tuple(
        (name, left.get(name, _ABSENT), right.get(name, _ABSENT))
        for name in dict.fromkeys([*left, *right])
        if left.get(name) != right.get(name)
    )
    titles = (one.name, other.name)
    if len(set(titles)) == 1 or "key" in titles:
        titles = ("first", "second")
    return Report(
        command="profile diff",
        exit_code=ExitCode.NO if rows else ExitCode.OK,
        listings=(Listing(title="", columns=("key", *titles), rows=rows),),
        verdict=f"{one.path} and {other.path} ask for the same"
        if not rows
        else ("1 entry differs" if len(rows) == 1 else f"{len(rows)} entries differ"),
    )


def _asked(profile: Profile) -> Iterator[tuple[str, str]]:
    for setting in profile.settings:
        yield str(setting.key), _flagged(requirement_text(setting), setting)
    for limit in profile.limits:
        text = "; ".join(map(str, limit.requirements)).replace("-1", "unlimited")
        yield f"limits.{limit.name}", _flagged(text, limit)
    if profile.probe:
        yield "probe.connections", str(profile.probe.connections)
    for key in sorted(map(str, profile.allow)):
        yield f"allow {key}", "yes"


def _flagged(text: str, entry: Setting | Limit) -> str:
    return f"{text} (optional)" if entry.optional else text
