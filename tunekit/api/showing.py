"""Keys as they are, for `inspect KEY...`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tunekit import catalog
from tunekit.api.session import here
from tunekit.catalog.model import Tunable
from tunekit.errors import ExitCode, ReadFailed, TunekitError, UsageError
from tunekit.kernel.readings import Cause, Denied, Elsewhere, Value
from tunekit.kernel.refusals import words
from tunekit.kernel.rlimits import ProcessLimits
from tunekit.kernel.sysctl import Sysctls
from tunekit.profile.evaluate import RLIMIT_PREFIX, use_instead
from tunekit.report.model import KeyRow, Report
from tunekit.values import SysctlKey, is_glob


def expand(patterns: Sequence[str]) -> list[SysctlKey]:
    """Parse keys, and list those of this kernel that match globs. Raises UsageError for none."""
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


def show(keys: Sequence[SysctlKey], *, named: Collection[SysctlKey] = ()) -> Report:
    """Read keys and say what is known of them. Writes nothing.

    One of those that were `named`, rather than found by a glob, is an error when it cannot be
    read, and the exit code is 3.
    """
    sysctls = Sysctls()
    rows = []
    errors: list[TunekitError] = []
    for key in keys:
        value, state, remedy = read_key(key, sysctls)
        rows.append(_row(key, value, state))
        if value is None and key in named:
            errors.append(ReadFailed(state, key=str(key), hint=remedy))
    return Report(
        command="inspect",
        exit_code=ExitCode.IMPOSSIBLE if errors else ExitCode.OK,
        host=here(),
        keys=tuple(rows),
        errors=tuple(errors),
    )


def read_key(key: SysctlKey, sysctls: Sysctls | None = None) -> tuple[str | None, str, str]:
    """The value of a key or of this process's limit; else why there is none, and what to do."""
    name = str(key)
    tunable = catalog.find(key)
    if catalog.is_unsafe_to_read(key):
        secret = tunable is not None and tunable.secret
        state = "a secret, never shown" if secret else "reading it has a side effect"
        return None, state, "read it from /proc/sys by hand if you must"
    if name.startswith(RLIMIT_PREFIX) and tunable is not None:
        reading = ProcessLimits().read(name.removeprefix(RLIMIT_PREFIX))
    else:
        reading = (sysctls or Sysctls()).read(key)
    match reading:
        case Value(text):
            return text, "", ""
        case Denied(cause, _):
            return None, *words(cause)
        case Elsewhere():
            return None, *words(Cause.ELSEWHERE)
    return None, words(Cause.MISSING)[0], _instead(name, tunable)


def _instead(name: str, tunable: Tunable | None) -> str:
    """What to do about a key that is not here."""
    if tunable is None:
        near = catalog.suggest(name)
        return f"did you mean {near[0]}?" if near else "see which keys there are with inspect '*'"
    if tunable.replacement:
        return use_instead(tunable)
    if tunable.module:
        return f"load its module first: modprobe {tunable.module}"
    return words(Cause.MISSING)[1]


def _row(key: SysctlKey, value: str | None, state: str) -> KeyRow:
    name = str(key)
    tunable = catalog.find(key)
    if tunable is None:
        return KeyRow(key=name, value=value, state=state)
    return KeyRow(
        key=name,
        value=value,
        state=state,
        unit=tunable.unit,
        minimum=_bound([field.minimum for field in tunable.fields]),
        maximum=_bound([field.maximum for field in tunable.fields]),
        default=tunable.default,
        scope=tunable.scope.value,
        meaning=tunable.summary,
    )


def _bound(bounds: Sequence[int | None]) -> str:
    shown_bounds = ["" if bound is None else str(bound) for bound in bounds]
    return shown_bounds[0] if len(set(shown_bounds)) == 1 else " ".join(shown_bounds)
