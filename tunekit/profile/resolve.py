"""From documents to a Profile: inheritance, expressions, and what the catalogue says of them.

Pure: everything that it needs to know of the host comes in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tunekit import catalog
from tunekit.catalog import validate
from tunekit.catalog.model import Scope, Tunable
from tunekit.errors import InvalidKey, Location, TunekitError
from tunekit.kernel.host import HostFacts
from tunekit.profile import wanted
from tunekit.profile.document import Demand, Document, Statement, lineage
from tunekit.profile.expressions import evaluate
from tunekit.profile.model import Limit, Mode, ProbeWanted, Profile, Requirement, Setting, Wanted
from tunekit.profile.nodes import Scalar
from tunekit.profile.problems import Problems, nearest
from tunekit.profile.requirement import generosity
from tunekit.profile.variables import Variables
from tunekit.values import Kind, Numbers, Ports, SysctlKey, Text, is_glob

_MAX_SUGGESTIONS = 20
"""A search for near names costs milliseconds; a file of nothing but nonsense gets no more."""


def resolve(
    document: Document,
    variables: Mapping[str, str],
    facts: HostFacts,
    kernel_has: Callable[[SysctlKey], bool],
    problems: Problems | None = None,
) -> Profile:
    """Merge a document with its parents, compute its expressions and check every value.

    The later parent wins, the child replaces by key, `allow` is the document's own. `variables`
    are the texts of `--set`; `kernel_has` is asked only about keys that the catalogue does not
    know. `problems` holds what was found while reading. Raises ProfileError with everything that
    is wrong.
    """
    problems = problems or Problems()
    return _Resolver(document, variables, facts, kernel_has, problems).profile()


class _Resolver:
    def __init__(
        self,
        document: Document,
        variables: Mapping[str, str],
        facts: HostFacts,
        kernel_has: Callable[[SysctlKey], bool],
        problems: Problems,
    ) -> None:
        self.document = document
        self.documents = lineage(document)
        self.kernel_has = kernel_has
        self.problems = problems
        self.suggestions = 0
        definitions = {
            name: (scalar.text, scalar.location)
            for each in self.documents
            for name, scalar in each.variables
        }
        self.variables = Variables(definitions, variables, facts, problems)

    def profile(self) -> Profile:
        document = self.document
        variables = self.variables.all()
        allow = self.allowed()
        settings = [
            setting
            for key, statement in self.merged_settings().items()
            if (setting := self.setting(key, statement, allow))
        ]
        limits = [
            limit
            for statement in self.merged_limits().values()
            if (limit := self.limit(statement, allow))
        ]
        probe = self.probe()
        for key, location in allow.items():
            if all(setting.key != key for setting in settings) and not self.problems:
                self.problems.warn("allowed, but not set", key=str(key), location=location)
        self.problems.raise_if_any()
        return Profile(
            name=document.name,
            path=document.file,
            summary=document.summary,
            parents=tuple(each.file for each in self.documents[:-1]),
            variables=variables,
            settings=tuple(settings),
            limits=tuple(limits),
            probe=probe,
            allow=frozenset(allow),
            warnings=self.problems.warnings,
        )

    def merged_settings(self) -> dict[SysctlKey, Statement]:
        merged: dict[SysctlKey, Statement] = {}
        for document in self.documents:
            own: dict[SysctlKey, Statement] = {}
            for statement in document.settings:
                key = self.key(statement.name, statement.location)
                if key in own:
                    self.problems.add(
                        f"given twice, first in line {own[key].location.line}",
                        key=statement.name,
                        location=statement.location,
                        hint="keep one of them",
                    )
                elif key is not None:
                    own[key] = statement
            merged.update(own)
        return merged

    def merged_limits(self) -> dict[str, Statement]:
        return {each.name: each for document in self.documents for each in document.limits}

    def key(self, name: str, location: Location) -> SysctlKey | None:
        """Parse a key and make sure that it exists, in the catalogue or in this kernel."""
        try:
            key = SysctlKey.parse(name)
        except InvalidKey as error:
            hint = self.suggestion(name) or error.hint
            self.problems.add(error.message, key=name, location=location, hint=hint)
            return None
        if is_glob(name):
            self.problems.add(
                "a pattern, not a key",
                key=name,
                location=location,
                hint="name each key; net.ipv4.conf.all and .default stand for interfaces",
            )
            return None
        tunable = catalog.find(key)
        if tunable is not None and tunable.scope is Scope.PROCESS:
            self.problems.add(
                "a resource limit, not a sysctl",
                key=name,
                location=location,
                hint=f"write {key.parts[-1]} under limits",
            )
            return None
        if tunable is None and not self.kernel_has(key):
            self.problems.add(
                "unknown key",
                key=name,
                location=location,
                hint=self.suggestion(str(key))
                or "neither the catalogue nor this kernel has it; remove it",
            )
            return None
        return key

    def suggestion(self, name: str) -> str:
        self.suggestions += 1
        near = catalog.suggest(name[:100]) if self.suggestions <= _MAX_SUGGESTIONS else ()
        return f"did you mean {near[0]}?" if near else ""

    def allowed(self) -> dict[SysctlKey, Location]:
        found: dict[SysctlKey, Location] = {}
        for scalar in self.document.allow:
            limit = scalar.text.startswith("rlimit.") and catalog.find(scalar.text)
            key = SysctlKey.parse(scalar.text) if limit else self.key(scalar.text, scalar.location)
            if key is not None:
                found[key] = scalar.location
        return found

    def setting(
        self, key: SysctlKey, statement: Statement, allow: Mapping[SysctlKey, Location]
    ) -> Setting | None:
        tunable = catalog.find(key)
        before = len(self.problems)
        requirements = self.requirements(
            statement,
            tunable,
            lambda demand: wanted.read(demand, tunable, self.variables.lookup),
        )
        prefer = self.preferred(statement, tunable)
        self.check_allowed(key, statement, tunable, requirements, allow)
        if len(self.problems) > before or not (requirements or prefer):
            return None
        return Setting(
            key=key,
            requirements=requirements,
            prefer=prefer,
            optional=statement.optional,
            reason=statement.reason,
            source=statement.source,
            location=statement.location,
        )

    def limit(self, statement: Statement, allow: Mapping[SysctlKey, Location]) -> Limit | None:
        tunable = catalog.find(f"rlimit.{statement.name}")
        if tunable is None:
            known = [
                each.pattern.removeprefix("rlimit.")
                for each in catalog.entries()
                if each.scope is Scope.PROCESS
            ]
            self.problems.add(
                "unknown limit",
                key=f"limits.{statement.name}",
                location=statement.location,
                hint=nearest(statement.name, known) or f"the limits are {', '.join(known)}",
            )
            return None
        before = len(self.problems)
        if statement.prefer:
            self.problems.add(
                "a limit has no names to prefer",
                key=statement.name,
                location=statement.location,
                hint="write at_least, at_most or exactly",
            )
        requirements = self.requirements(
            statement, tunable, lambda demand: wanted.limit(demand, self.variables.lookup)
        )
        self.check_allowed(
            SysctlKey.parse(tunable.pattern), statement, tunable, requirements, allow
        )
        if len(self.problems) > before or not requirements:
            return None
        return Limit(
            name=statement.name,
            requirements=requirements,
            optional=statement.optional,
            reason=statement.reason,
            source=statement.source,
            location=statement.location,
        )

    def requirements(
        self,
        statement: Statement,
        tunable: Tunable | None,
        read: Callable[[Demand], wanted.Reading],
    ) -> tuple[Requirement, ...]:
        found: list[Requirement] = []
        for demand in statement.demands:
            try:
                reading = read(demand)
            except TunekitError as error:
                self.note(error, statement.name, demand.location)
                continue
            found.append(reading.requirement)
            self.judge(reading, demand, statement, tunable)
        self.check_agreement(found, statement, tunable)
        return tuple(found)

    def judge(
        self,
        reading: wanted.Reading,
        demand: Demand,
        statement: Statement,
        tunable: Tunable | None,
    ) -> None:
        """Note what the catalogue finds wrong, and decimal suffixes on bytes."""
        if tunable is None:
            return
        self.report(
            validate.problems(
                tunable,
                reading.requirement.wanted,
                directed=demand.mode is not Mode.EXACTLY,
                sized=reading.sized,
            ),
            statement.name,
            demand.location,
        )
        for literal in reading.decimals if tunable.unit == "bytes" else ():
            self.problems.warn(
                f"{literal.text} is {literal.value} bytes; "
                f"write {literal.binary} for {evaluate(literal.binary, len).value}",
                key=statement.name,
                location=demand.location,
            )

    def report(self, found: list[validate.Problem], key: str, location: Location) -> None:
        for problem in found:
            if problem.severity is validate.Severity.WARNING:
                text = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
                self.problems.warn(text, key=key, location=location)
            else:
                self.problems.add(problem.message, hint=problem.hint, key=key, location=location)

    def preferred(self, statement: Statement, tunable: Tunable | None) -> tuple[str, ...]:
        if tunable is not None and statement.prefer and tunable.kind is not Kind.TEXT:
            self.problems.add(
                "prefer chooses between names, and this key takes numbers",
                key=statement.name,
                location=statement.prefer[0].location,
                hint="write exactly or at_least",
            )
            return ()
        for scalar in statement.prefer if tunable is not None else ():
            assert tunable is not None
            found = validate.problems(tunable, Text(scalar.text))
            self.report(found, statement.name, scalar.location)
        return tuple(scalar.text for scalar in statement.prefer)

    def check_agreement(
        self, requirements: list[Requirement], statement: Statement, tunable: Tunable | None
    ) -> None:
        """Note an at_least that no value below the at_most can meet."""
        by_mode = {requirement.mode: requirement.wanted for requirement in requirements}
        low, high = by_mode.get(Mode.AT_LEAST), by_mode.get(Mode.AT_MOST)
        if low is None or high is None or not _contradict(low, high, tunable):
            return
        least = Requirement(mode=Mode.AT_LEAST, wanted=low)
        most = Requirement(mode=Mode.AT_MOST, wanted=high)
        self.problems.add(
            f"no value is both {least} and {most}",
            key=statement.name,
            location=statement.location,
            hint="lower the one or raise the other",
        )

    def check_allowed(
        self,
        key: SysctlKey,
        statement: Statement,
        tunable: Tunable | None,
        requirements: tuple[Requirement, ...],
        allow: Mapping[SysctlKey, Location],
    ) -> None:
        if key in allow:
            return
        # An at_least never lowers a value, so it cannot bring one under a floor.
        values = [each.wanted for each in requirements if each.mode is not Mode.AT_LEAST]
        for value in [None, *values]:
            if reason := validate.needs_allow(key, tunable, _value(value)):
                self.problems.add(
                    reason,
                    key=statement.name,
                    location=statement.location,
                    hint=f"if you mean it, write 'allow: [{key}]' in {self.document.file}",
                )
                return

    def probe(self) -> ProbeWanted | None:
        wanting = [each.connections for each in self.documents if each.connections is not None]
        if not wanting:
            return None
        scalar: Scalar = wanting[-1]
        key = "probe.connections"
        try:
            connections = evaluate(scalar.text, self.variables.lookup).value
        except TunekitError as error:
            self.note(error, key, scalar.location)
            return None
        if not 1 <= connections <= _MAX_CONNECTIONS:
            self.problems.add(
                f"{connections} is not a number of connections",
                key=key,
                location=scalar.location,
                hint=f"write 1 to {_MAX_CONNECTIONS}",
            )
            return None
        return ProbeWanted(connections=connections, location=scalar.location)

    def note(self, error: TunekitError, key: str, location: Location) -> None:
        if not self.variables.noted(error):
            self.problems.add(error.message, hint=error.hint, key=key, location=location)


_MAX_CONNECTIONS = 2_147_483_584
"""The most descriptors that a process can have (fs/file.c sysctl_nr_open_max)."""


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


def _value(value: Wanted | None) -> Numbers | Ports | Text | None:
    if isinstance(value, tuple):
        return Numbers(tuple(number for number in value if number is not None))
    return value
