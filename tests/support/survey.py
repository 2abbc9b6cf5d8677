"""Hold the catalogue against a real kernel: `./tools/vm python -m tests.support.survey`.

Every key that the kernel has is written with its smallest and largest value, one below and one
above, and with a field too many. It changes the whole host, so that it runs in a guest and nowhere
else. `--spoiling` tries the keys that would spoil the machine for anything that comes after.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from tests.support.kernels_differ import FIRST, FRESH_BOOT, NOT_TRIED, why_narrower
from tests.support.vm import plugin
from tunekit import catalog
from tunekit.catalog.model import Field, Scope, Tier, Tunable
from tunekit.errors import InvalidValue, TunekitError
from tunekit.kernel.readings import Value
from tunekit.kernel.sysctl import Sysctls
from tunekit.values import Kind, Numbers, SysctlKey, parse

INTERFACE = "lo"
_PASSES = 3
"""Writing one key may change another: enough passes for a partner's partner."""


class Verdict(Enum):
    """What a kernel did that the catalogue does not say."""

    NARROWER = "narrower"
    """Refused a value that the catalogue allows, as the widest of all kernels."""
    WIDER = "wider"
    """Stored a value that the catalogue calls out of range, and not stored either."""
    STRICTER = "stricter"
    """Refused a value out of range that the catalogue says kernels store."""
    FIELDS = "fields"
    """Has another number of fields, or takes more than it has."""
    UNREADABLE = "unreadable"
    """Shows a text that is not of the kind that the catalogue says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One value that a kernel took or refused against the catalogue.

    `why` is the reason that is known for it (kernels_differ.py), empty where there is none.
    """

    key: str
    verdict: Verdict
    what: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a kernel says to the catalogue.

    `keys` were found, `tried` were read and, where they hold numbers, written;
    `passed_over` says why the others were not. `changed` are keys that could not be put back.
    """

    kernel: str
    keys: tuple[str, ...]
    tried: int
    writes: int
    passed_over: dict[str, str]
    differences: tuple[Difference, ...]
    changed: tuple[str, ...]

    @property
    def unexplained(self) -> list[Difference]:
        """The differences for which no reason is known."""
        return [each for each in self.differences if not each.why]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """A number for one field; `inside` says that the catalogue's range has it."""

    index: int
    number: int
    inside: bool
    stored: bool
    """Whether the catalogue says that kernels store it."""


class _Surveyor:
    def __init__(self, *, spoiling: bool) -> None:
        self.sysctls = Sysctls()
        self.spoiling = spoiling
        self.keys: list[str] = []
        self.tried = 0
        self.writes = 0
        self.passed_over: dict[str, str] = {}
        self.differences: list[Difference] = []
        self.before: dict[SysctlKey, str] = {}

    def survey(self) -> Survey:
        chosen = [each for each in catalog.entries() if each.scope is not Scope.PROCESS]
        # What cannot be taken back comes last.
        chosen.sort(key=_is_final)
        self.before = {
            key: reading.text
            for tunable in chosen
            if not tunable.secret
            and tunable.tier is not Tier.READ_ONLY
            and str(key := _key(tunable)) not in NOT_TRIED
            and isinstance(reading := self.sysctls.read(key), Value)
        }
        for tunable in chosen:
            self.entry(tunable, _key(tunable))
        return Survey(
            kernel=platform.release(),
            keys=tuple(self.keys),
            tried=self.tried,
            writes=self.writes,
            passed_over=self.passed_over,
            differences=tuple(self.differences),
            changed=tuple(map(str, self.put_all_back())),
        )

    def entry(self, tunable: Tunable, key: SysctlKey) -> None:
        name = str(key)
        if not self.sysctls.has(key):
            return
        self.keys.append(name)
        if why := self.why_not(tunable, name):
            self.passed_over[name] = why
            return
        text = self.before.get(key)
        if text is None:
            self.passed_over[name] = "cannot be read"
            return
        try:
            value = parse(text, tunable.kind)
        except InvalidValue as error:
            self.differ(name, Verdict.UNREADABLE, str(error))
            return
        self.tried += 1
        if isinstance(value, Numbers):
            self.numbers(key, tunable, value)

    def why_not(self, tunable: Tunable, name: str) -> str:
        if tunable.tier is Tier.READ_ONLY:
            return "the kernel only reports it"
        if tunable.secret:
            return "a secret"
        if name in NOT_TRIED:
            return NOT_TRIED[name]
        spoils = FRESH_BOOT.get(name, "")
        if _is_final(tunable):
            spoils = "there is no way back before the next boot"
        if self.spoiling:
            return "" if spoils else "tried with the others"
        return spoils

    def numbers(self, key: SysctlKey, tunable: Tunable, value: Numbers) -> None:
        name = str(key)
        if len(value.fields) != len(tunable.fields):
            what = f"shows {len(value.fields)}, and the catalogue has {len(tunable.fields)}"
            self.differ(name, Verdict.FIELDS, what)
            return
        self.prepare(name)
        for trial in _in_order(tunable, value):
            stored = self.stored(key, _text(tunable, value, trial))
            number = None if stored is None else stored.fields[trial.index]
            if number is not None and trial.inside and tunable.rounds:
                number = trial.number
            self.judge(key, tunable.fields[trial.index], trial, number)
        if self.stored(key, f"{value} 1") not in (None, value):
            self.differ(name, Verdict.FIELDS, "a field too many changes the value")
        self.restore(key, tunable)

    def judge(self, key: SysctlKey, field: Field, trial: _Trial, number: int | None) -> None:
        """Compare what is there after a trial with what the catalogue says; None is refused."""
        if (number == trial.number) is trial.stored:
            return
        what = f"{field.name} {trial.number}" if field.name else str(trial.number)
        if not trial.stored:
            self.differ(str(key), Verdict.WIDER, f"{what} is stored")
            return
        verdict = Verdict.NARROWER if trial.inside else Verdict.STRICTER
        happens = "is refused" if number is None else f"becomes {number}"
        why = why_narrower(key, field, trial.number)
        self.differ(str(key), verdict, f"{what} {happens}", why)

    def stored(self, key: SysctlKey, text: str) -> Numbers | None:
        """What a key holds after a write, None when the write was refused."""
        if not self.write(key, text):
            return None
        reading = self.sysctls.read(key)
        assert isinstance(reading, Value)
        value = parse(reading.text, Kind.NUMBERS)
        assert isinstance(value, Numbers)
        return value

    def write(self, key: SysctlKey, text: str) -> bool:
        self.writes += 1
        try:
            self.sysctls.write(key, text)
        except TunekitError:
            return False
        return True

    def prepare(self, name: str) -> None:
        for partner, text in FIRST.get(name, ()):
            self.write(SysctlKey.parse(partner), text)

    def put_back(self, key: SysctlKey) -> None:
        self.write(key, self.before[key])

    def restore(self, key: SysctlKey, tunable: Tunable) -> None:
        """Leave a key, its partners and what excludes it as they were."""
        name = str(key)
        self.prepare(name)
        partners = [SysctlKey.parse(partner) for partner, _ in FIRST.get(name, ())]
        if tunable.exclusive:
            partners.append(SysctlKey.parse(tunable.exclusive))
        for _ in range(2 if partners else 1):
            for each in (key, *partners):
                if each in self.before:
                    self.put_back(each)

    def put_all_back(self) -> list[SysctlKey]:
        """Put back what writing other keys has moved, and return what is left."""
        changed: list[SysctlKey] = []
        for _ in range(_PASSES):
            changed = [key for key in self.before if not self.is_as_before(key)]
            for key in changed:
                self.put_back(key)
        return [key for key in changed if not self.is_as_before(key)]

    def is_as_before(self, key: SysctlKey) -> bool:
        reading = self.sysctls.read(key)
        return isinstance(reading, Value) and reading.text == self.before[key]

    def differ(self, key: str, verdict: Verdict, what: str, why: str = "") -> None:
        self.differences.append(Difference(key=key, verdict=verdict, what=what, why=why))


def _key(tunable: Tunable) -> SysctlKey:
    return SysctlKey.parse(tunable.pattern.replace("*", INTERFACE))


def _is_final(tunable: Tunable) -> bool:
    return tunable.one_way or bool(tunable.final)


def _text(tunable: Tunable, value: Numbers, trial: _Trial) -> str:
    fields = list(value.fields)
    if trial.inside:
        # Together, so that no field is above the next one.
        fields = [
            trial.number if _allows(field, trial.number) else present
            for field, present in zip(tunable.fields, fields, strict=True)
        ]
    fields[trial.index] = trial.number
    return " ".join(map(str, fields))


def _allows(field: Field, number: int) -> bool:
    return (field.minimum is None or number >= field.minimum) and (
        field.maximum is None or number <= field.maximum
    )


def _in_order(tunable: Tunable, value: Numbers) -> list[_Trial]:
    """First what is refused and what is there already: there may be no way back from the rest."""
    return sorted(
        _trials(tunable),
        key=lambda trial: (trial.inside, trial.number != value.fields[trial.index]),
    )


def _trials(tunable: Tunable) -> Iterator[_Trial]:
    for index, field in enumerate(tunable.fields):
        low, high = field.minimum, field.maximum
        for number, lax in (
            (None if low is None else low - 1, field.lax.below),
            (None if high is None else high + 1, field.lax.above),
        ):
            if number is not None and number not in tunable.unlimited:
                yield _Trial(index=index, number=number, inside=False, stored=lax)
        for number in (low, high):
            if number is not None and (tunable.floor is None or number >= tunable.floor):
                yield _Trial(index=index, number=number, inside=True, stored=True)


def survey(*, spoiling: bool = False) -> Survey:
    """Survey the kernel of this guest. Raises RuntimeError anywhere else.

    `spoiling` tries those keys alone after which the guest is good for nothing more.
    """
    if not plugin.in_guest() and not _is_guest():
        raise RuntimeError("this writes the keys of the whole host: run it with ./tools/vm")
    return _Surveyor(spoiling=spoiling).survey()


def _is_guest() -> bool:
    """Tell whether this is the machine of tools/vm, which starts from this file."""
    return Path("/job.json").exists()


def as_json(found: Survey) -> dict[str, Any]:
    """A survey as plain data."""
    differences = [asdict(each) | {"verdict": each.verdict.value} for each in found.differences]
    return asdict(found) | {"differences": differences}


def main(arguments: list[str]) -> None:
    """Print the survey as one line of JSON."""
    json.dump(as_json(survey(spoiling="--spoiling" in arguments)), sys.stdout)
    print()


if __name__ == "__main__":
    main(sys.argv[1:])
