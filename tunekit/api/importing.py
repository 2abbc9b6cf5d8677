"""A profile made of another tool's file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tunekit import catalog
from tunekit.catalog.model import Tier, Tunable
from tunekit.catalog.validate import Severity, needs_allow, problems
from tunekit.errors import InvalidKey, InvalidValue, UsageError
from tunekit.files import importing
from tunekit.files.exchange import LeftOut
from tunekit.files.importing import Form, Line, Remembered
from tunekit.files.model import Only
from tunekit.kernel import host as hosts
from tunekit.kernel.sysctl import Sysctls
from tunekit.profile import files, flow
from tunekit.profile.evaluate import use_instead
from tunekit.profile.model import Mode
from tunekit.profile.nodes import MAX_BYTES
from tunekit.profile.problems import UNSAFE, Problems
from tunekit.profile.resolve import resolve
from tunekit.profile.writing import Draft, Entry, write
from tunekit.report.escape import visible
from tunekit.report.model import Listing, Report
from tunekit.values import Kind, Numbers, SysctlKey, SysctlValue, parse

_MODES = {Only.MORE: Mode.AT_LEAST, Only.LESS: Mode.AT_MOST}
_NAMES_KEPT = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-"


def import_profile(path: Path, *, form: Form | None = None, name: str = "") -> Report:
    """Make a profile of what another tool's file sets; see `import_text`.

    Raises UsageError for a file that cannot be read.
    """
    data, _ = files.read_bytes(path, None)
    return import_text(data, file=str(path), form=form, name=name or path.stem)


def import_text(
    data: bytes, *, file: str, form: Form | None = None, name: str = "imported"
) -> Report:
    """Make a profile of the contents of another tool's file, called `file`. Writes no file.

    `form` is guessed when None. `text` is the profile. A value means exactly, unless TuneD only
    raises or lowers a key to it, or an export of tunekit's own remembers what its profile asked
    for. What cannot be carried over is listed with its line, in the report, in its notes and at
    the end of the profile.

    Raises UsageError for contents that are no such file.
    """
    if len(data) > MAX_BYTES:
        raise UsageError(
            f"larger than {MAX_BYTES} bytes", path=file, hint="is that the file you meant?"
        )
    text = data.decode("utf-8", "surrogateescape")
    form = form or importing.guess(text)
    imported = importing.read(text, file, form)
    work = _Work(form=form, remembered=imported.remembered, left_out=list(imported.left_out))
    entries = [entry for line in imported.lines if (entry := work.entry(line))]
    draft = Draft(
        name=_usable_name(imported.remembered.name or name),
        summary=_clean(imported.remembered.summary),
        settings=tuple(entries),
        limits=tuple(work.limits()),
        connections=imported.remembered.connections,
        allow=tuple(sorted({*work.allow, *_claimed(imported.remembered, entries)})),
        head=(f"Made of {visible(file)} by tunekit profile import.",),
        foot=tuple(f"not carried over: {visible(str(left))}" for left in work.left_out),
    )
    made = write(draft)
    _check(made, draft.name)
    rows = tuple((left.place, left.what, left.why) for left in work.left_out)
    return Report(
        command="profile import",
        text=made,
        listings=(Listing(title="not carried over", columns=("place", "what", "why"), rows=rows),),
        notes=(*work.notes, *(f"not carried over: {left}" for left in work.left_out)),
    )


def _usable_name(text: str) -> str:
    name = "".join(char if char in _NAMES_KEPT else "-" for char in text).strip("-._+")
    return name[:100] or "imported"


def _clean(text: str) -> str:
    return UNSAFE.sub("?", text)


def _claimed(remembered: Remembered, entries: list[Entry]) -> Iterator[str]:
    """What the exported profile allowed, of that which is still set."""
    names = {entry.name for entry in entries}
    return (key for key in remembered.allow if key in names or key.startswith("rlimit."))


def _check(text: str, name: str) -> None:
    """Load what was made: a profile that tunekit would refuse is of no use to anybody."""
    problems = Problems()
    document = files.from_bytes(text.encode(), f"{name}.yaml", problems)
    resolve(document, {}, hosts.facts(), Sysctls().has, problems)


@dataclass(slots=True)
class _Work:
    """An import under way."""

    form: Form
    remembered: Remembered
    left_out: list[LeftOut]
    allow: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def entry(self, line: Line) -> Entry | None:
        """A line as an entry; None when it cannot be carried over, which is noted."""
        try:
            key = SysctlKey.parse(line.path)
            tunable = _known(key)
            value = _value(tunable, line)
        except (InvalidKey, InvalidValue) as error:
            what = line.path.replace("/", ".")
            self.left_out.append(LeftOut(place=line.place, what=what, why=error.message))
            return None
        name = str(key)
        asked = self.remembered_of(line, name, value)
        if line.only and (asked is None or asked.demands[0][0] != _MODES[line.only].value):
            demands = ((_MODES[line.only].value, _texts(value)),)
            asked = Entry(name=name, demands=demands, optional=line.optional)
        # What only ever raises a value cannot bring it under its floor.
        certain = value if asked is None else None
        if why := needs_allow(key, tunable, certain):
            if self.form is Form.SYSCTL_A:
                self.left_out.append(LeftOut(place=line.place, what=name, why=why))
                return None
            self.allow.append(name)
            self.notes.append(f"{line.place}: {name}: {why}; applying it takes --allow {name}")
        # TuneD has no way to say of a key that it may be missing.
        remembered = asked is not None and asked.optional and self.form is Form.TUNED
        return Entry(
            name=name,
            demands=asked.demands if asked else ((Mode.EXACTLY.value, _texts(value)),),
            optional=line.optional or remembered,
            reason=_clean(line.reason),
            source=_clean(line.source),
        )

    def remembered_of(self, line: Line, name: str, value: SysctlValue) -> Entry | None:
        """What an export remembers of a key, if its line still says the same."""
        if not line.demand:
            return None
        try:
            asked = flow.read(name, line.demand)
        except InvalidValue as error:
            self.notes.append(f"{line.place}: {name}: the comment above it: {error.message}")
            return None
        if all(_says(mode, wanted, _texts(value)) for mode, wanted in asked.demands):
            return asked
        self.notes.append(
            f"{line.place}: {name}: the value is not the one of the comment above it, so it was "
            f"edited since; taken as {'the line has it' if line.only else 'exactly that'}"
        )
        return None

    def limits(self) -> Iterator[Entry]:
        """The limits that an export remembers."""
        for name, demand in self.remembered.limits.items():
            try:
                yield flow.read(name, demand)
            except InvalidValue as error:
                what = f"limits.{name}"
                self.left_out.append(LeftOut(place="", what=what, why=error.message))


def _texts(value: SysctlValue) -> tuple[str, ...]:
    return tuple(map(str, value.fields)) if isinstance(value, Numbers) else (str(value),)


def _says(mode: str, wanted: tuple[str, ...], texts: tuple[str, ...]) -> bool:
    """Tell whether a value is what an export would have written for a demand."""
    if mode == "prefer":
        return texts[0] in wanted
    return len(wanted) == len(texts) and all(
        w in ("keep", t) for w, t in zip(wanted, texts, strict=True)
    )


def _known(key: SysctlKey) -> Tunable:
    tunable = catalog.find(key)
    if tunable is None:
        if not Sysctls().has(key):
            near = catalog.suggest(str(key)[:100])
            advice = f"; did you mean {near[0]}?" if near else ""
            raise InvalidKey(f"neither the catalogue nor this kernel has it{advice}")
        raise InvalidKey("not in the catalogue: add it by hand, with `allow`, if you know it")
    if tunable.secret:
        raise InvalidKey("a secret, which no profile should hold")
    if tunable.tier is Tier.READ_ONLY:
        raise InvalidKey("the kernel reports it and nobody can set it")
    if tunable.tier is Tier.OBSOLETE:
        raise InvalidKey(f"obsolete; {use_instead(tunable)}")
    return tunable


def _value(tunable: Tunable, line: Line) -> SysctlValue:
    value = parse(line.value, tunable.kind)
    if tunable.kind is Kind.TEXT and UNSAFE.search(line.value):
        raise InvalidValue("a control character in its value")
    wanted = value.fields if isinstance(value, Numbers) else value
    for problem in problems(tunable, wanted):
        if problem.severity is Severity.ERROR:
            raise InvalidValue(problem.message, hint=problem.hint)
    return value
