"""Keys as they are, for `inspect KEY...`."""

from __future__ import annotations

from collections.abc import Sequence

from tunekit import catalog
from tunekit.api.session import here
from tunekit.errors import ExitCode, ReadFailed, TunekitError, UsageError
from tunekit.kernel.readings import Denied, Elsewhere, Missing, Reading, Value
from tunekit.kernel.refusals import words
from tunekit.kernel.sysctl import Sysctls
from tunekit.profile.evaluate import RLIMIT_PREFIX
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


def catalogued() -> list[SysctlKey]:
    """List the keys of the catalogue that are here and safe to read."""
    sysctls = Sysctls()
    known = [t.pattern for t in catalog.entries() if "*" not in t.pattern and not t.secret]
    keys = [SysctlKey.parse(name) for name in known if not name.startswith(RLIMIT_PREFIX)]
    return [key for key in keys if sysctls.has(key) and not catalog.is_unsafe_to_read(key)]


def show(keys: Sequence[SysctlKey]) -> Report:
    """Read keys and say what is known of them. Writes nothing."""
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
