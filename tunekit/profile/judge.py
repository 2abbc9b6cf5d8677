"""What is asked of one key, computed and held against what the catalogue knows of it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from tunekit.catalog import validate
from tunekit.catalog.model import Direction, Tunable
from tunekit.errors import Location, TunekitError
from tunekit.profile import wanted
from tunekit.profile.document import Demand, Statement
from tunekit.profile.expressions import literal
from tunekit.profile.model import Mode, Requirement, Wanted
from tunekit.profile.problems import Problems
from tunekit.profile.requirement import generosity
from tunekit.profile.variables import Variables
from tunekit.values import Kind, Numbers, Ports, SysctlKey, SysctlValue, Text


class Judge:
    """Turns statements into requirements, noting in `problems` all that is wrong with them.

    `allow` are the keys that may hurt, since `file` says so.
    """

    def __init__(
        self, variables: Variables, allow: Collection[SysctlKey], file: str, problems: Problems
    ) -> None:
        self._variables = variables
        self._allow = allow
        self._file = file
        self._problems = problems

    def setting(
        self, key: SysctlKey, statement: Statement, tunable: Tunable | None
    ) -> tuple[tuple[Requirement, ...], tuple[str, ...]] | None:
        """The requirements and preferences for a sysctl, None when something is wrong."""
        before = len(self._problems)
        lookup = self._variables.lookup
        requirements = self._requirements(
            statement, tunable, lambda demand: wanted.read(demand, tunable, lookup)
        )
        prefer = self._preferred(statement, tunable)
        self._check_allowed(key, statement, tunable, requirements)
        if len(self._problems) > before or not (requirements or prefer):
            return None
        return requirements, prefer

    def limit(self, statement: Statement, tunable: Tunable) -> tuple[Requirement, ...] | None:
        """The requirements for a resource limit, None when something is wrong."""
        before = len(self._problems)
        if statement.prefer:
            self._problems.add(
                "a limit has no names to prefer",
                key=statement.label,
                location=statement.location,
                hint="write at_least, at_most or exactly",
            )
        lookup = self._variables.lookup
        requirements = self._requirements(
            statement, tunable, lambda demand: wanted.limit(demand, tunable, lookup)
        )
        key = SysctlKey.parse(tunable.pattern)
        self._check_allowed(key, statement, tunable, requirements)
        return requirements if len(self._problems) == before and requirements else None

    def _requirements(
        self,
        statement: Statement,
        tunable: Tunable | None,
        read: Callable[[Demand], wanted.Reading],
    ) -> tuple[Requirement, ...]:
        """Every demand that could be read and that the catalogue finds nothing wrong with."""
        found: list[Requirement] = []
        for demand in statement.demands:
            before = len(self._problems)
            try:
                reading = read(demand)
            except TunekitError as error:
                self._variables.note(error, statement.label, demand.location)
                continue
            if tunable is not None:
                self._compare(reading, demand, statement, tunable)
            if len(self._problems) == before:
                found.append(reading.requirement)
        self._check_agreement(found, statement, tunable)
        return tuple(found)

    def _compare(
        self, reading: wanted.Reading, demand: Demand, statement: Statement, tunable: Tunable
    ) -> None:
        found = validate.problems(
            tunable,
            reading.requirement.wanted,
            directed=demand.mode is not Mode.EXACTLY,
            sized=reading.sized,
        )
        self._report(found, statement.label, demand.location)
        for number in reading.decimals if tunable.unit == "bytes" else ():
            self._problems.warn(
                f"{number.text} is {number.value} bytes",
                hint=f"write {number.binary} for {literal(number.binary).value}",
                key=statement.label,
                location=demand.location,
            )

    def _report(self, found: list[validate.Problem], key: str, location: Location) -> None:
        for problem in found:
            warning = problem.severity is validate.Severity.WARNING
            note = self._problems.warn if warning else self._problems.add
            note(problem.message, hint=problem.hint, key=key, location=location)

    def _preferred(self, statement: Statement, tunable: Tunable | None) -> tuple[str, ...]:
        if tunable is not None and statement.prefer and tunable.kind is not Kind.TEXT:
            self._problems.add(
                "prefer chooses between names, and this key has none",
                key=statement.label,
                location=statement.prefer[0].location,
                hint="write exactly or at_least",
            )
            return ()
        for scalar in statement.prefer:
            if tunable is not None:
                found = validate.problems(tunable, Text(scalar.text))
                self._report(found, statement.label, scalar.location)
            if "\n" in scalar.text:
                self._problems.add(
                    "a line break in a name", key=statement.label, location=scalar.location
                )
        return tuple(scalar.text for scalar in statement.prefer)

    def _check_agreement(
        self, requirements: list[Requirement], statement: Statement, tunable: Tunable | None
    ) -> None:
        """Note an at_least that no value below the at_most can meet."""
        by_mode = {requirement.mode: requirement for requirement in requirements}
        least, most = by_mode.get(Mode.AT_LEAST), by_mode.get(Mode.AT_MOST)
        if least and most and _contradict(least.wanted, most.wanted, tunable):
            self._problems.add(
                f"no value is both {least} and {most}",
                key=statement.label,
                location=statement.location,
                hint="lower the one or raise the other",
            )

    def _check_allowed(
        self,
        key: SysctlKey,
        statement: Statement,
        tunable: Tunable | None,
        requirements: tuple[Requirement, ...],
    ) -> None:
        """Note a key that can hurt and is not allowed to; its own danger or that of a value."""
        if key in self._allow:
            return
        values = [_value(each.wanted) for each in requirements if _may_lower(each, tunable)]
        for value in (None, *values):
            if reason := validate.needs_allow(key, tunable, value):
                self._problems.add(
                    reason,
                    key=statement.label,
                    location=statement.location,
                    hint=f"if you mean it, write 'allow: [{key}]' in {self._file}",
                )
                return


def _may_lower(requirement: Requirement, tunable: Tunable | None) -> bool:
    """Tell whether meeting a requirement can make a number smaller, perhaps under its floor."""
    downward = tunable is not None and any(
        field.direction is Direction.DOWN for field in tunable.fields
    )
    return requirement.mode is not Mode.AT_LEAST or downward


def _contradict(low: Wanted, high: Wanted, tunable: Tunable | None) -> bool:
    if isinstance(low, tuple) and isinstance(high, tuple):
        return any(
            least is not None
            and most is not None
            and generosity(least, tunable, index) > generosity(most, tunable, index)
            for index, (least, most) in enumerate(zip(low, high, strict=False))
        )
    if isinstance(low, Ports) and isinstance(high, Ports):
        return low.intersection(high) != low
    return False


def _value(value: Wanted) -> SysctlValue:
    if isinstance(value, tuple):
        return Numbers(tuple(number for number in value if number is not None))
    return value
