"""The names that an expression may use: a profile's variables and the host's facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tunekit.errors import InvalidValue, Location, TunekitError, UsageError
from tunekit.kernel.host import HostFacts
from tunekit.profile.expressions import RESERVED, evaluate
from tunekit.profile.problems import Problems, shown

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
_MAX_CHAIN = 30


def parse_assignments(texts: Iterable[str]) -> dict[str, str]:
    """Read the `NAME=VALUE` of each `--set`.

    Raises UsageError for a text without `=` and for a name given twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if not separator or not _NAME.match(name) or not value:
            raise UsageError(
                f"{shown(text)!r} does not set a variable",
                key="--set",
                hint="write --set NAME=VALUE, such as --set connections=10k",
            )
        if name in found:
            raise UsageError(
                f"the variable {name!r} is set twice", key="--set", hint="keep one of them"
            )
        found[name] = value
    return found


class _Unresolved(TunekitError):
    """A name whose own definition is wrong; that has been noted already."""


class Variables:
    """Looks names up, computing each variable once.

    `definitions` are the expressions of the profile with their places, `overrides` those of
    `--set`. What is wrong with a definition is noted in `problems`, once.
    """

    def __init__(
        self,
        definitions: Mapping[str, tuple[str, Location]],
        overrides: Mapping[str, str],
        facts: HostFacts,
        problems: Problems,
    ) -> None:
        self._facts = {"ram": facts.ram, "cpus": facts.cpus, "page_size": facts.page_size}
        self._definitions = dict(definitions)
        self._overrides = dict(overrides)
        self._problems = problems
        self._values: dict[str, int | None] = {}
        self._active: list[str] = []
        self._check_names()

    def _check_names(self) -> None:
        for name, (_, location) in self._definitions.items():
            if name in RESERVED:
                self._problems.add(
                    "a name with a meaning of its own",
                    key=f"vars.{name}",
                    location=location,
                    hint="call the variable something else",
                )
            elif not _NAME.match(name):
                self._problems.add(
                    "not a name for a variable",
                    key=f"vars.{name}",
                    location=location,
                    hint="use letters, digits and _, beginning with a letter",
                )
        for name in self._overrides:
            if name not in self._definitions and not self._problems.broken:
                self._problems.add(
                    "the profile has no such variable",
                    key=f"--set {name}",
                    hint=self._problems.nearest(name, self._definitions) or self._known(),
                )

    def _known(self) -> str:
        names = ", ".join(sorted(self._definitions))
        return f"its variables are {names}" if names else "it has no variables"

    def all(self) -> dict[str, int]:
        """Every variable that could be computed."""
        for name in self._definitions:
            self._compute(name)
        return {
            name: value
            for name in self._definitions
            if (value := self._values.get(name)) is not None
        }

    def lookup(self, name: str) -> int:
        """The value of a name.

        Raises InvalidValue for an unknown one, and an error that `note` passes over for one
        whose own definition is wrong.
        """
        if name in self._facts:
            return self._facts[name]
        if name not in self._definitions:
            if self._problems.broken:
                raise _Unresolved(name)
            raise InvalidValue(
                f"{shown(name)!r} is not a variable",
                hint=self._problems.nearest(name, [*self._facts, *self._definitions])
                or "define it under vars, or use ram, cpus or page_size",
            )
        value = self._compute(name)
        if value is None:
            raise _Unresolved(name)
        return value

    def note(self, error: TunekitError, key: str, location: Location | None) -> None:
        """Note an error of an expression, unless it follows from one that was noted already."""
        if not isinstance(error, _Unresolved):
            self._problems.add(error.message, hint=error.hint, key=key, location=location)

    def _compute(self, name: str) -> int | None:
        if name in self._values:
            return self._values[name]
        text, location = self._definitions[name]
        place: Location | None = location
        key = f"vars.{name}"
        if name in self._overrides:
            text, place, key = self._overrides[name], None, f"--set {name}"
        value: int | None = None
        if name in self._active or len(self._active) >= _MAX_CHAIN:
            circle = " -> ".join([*self._active[-5:], name])
            self._problems.add(
                f"defined by way of itself: {circle}"
                if name in self._active
                else "too long a chain of variables",
                key=key,
                location=place,
                hint="give one of them a number",
            )
            return None
        self._active.append(name)
        try:
            value = evaluate(text, self.lookup).value
        except TunekitError as error:
            self.note(error, key, place)
        finally:
            self._active.pop()
        self._values[name] = value
        return value
