"""From documents to a Profile: inheritance, expressions, and what the catalogue says of them.

Pure: everything that it needs to know of the host comes in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tunekit import catalog
from tunekit.catalog.model import Scope
from tunekit.errors import InvalidKey, Location, TunekitError
from tunekit.kernel.host import HostFacts
from tunekit.profile.document import Document, Statement, lineage
from tunekit.profile.expressions import evaluate
from tunekit.profile.judge import Judge
from tunekit.profile.model import Limit, ProbeWanted, Profile, Setting
from tunekit.profile.nodes import Scalar
from tunekit.profile.problems import Problems
from tunekit.profile.variables import Variables
from tunekit.values import SysctlKey, is_glob

_MAX_CONNECTIONS = 2_147_483_584
"""The most descriptors that a process can have (fs/file.c sysctl_nr_open_max)."""


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
    if problems is None:
        problems = Problems()
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
        self.given = variables
        self.kernel_has = kernel_has
        self.problems = problems
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
        judge = Judge(self.variables, allow.keys(), document.file, self.problems)
        settings = [
            setting
            for key, statement in self.merged_settings().items()
            if (setting := self.setting(key, statement, judge))
        ]
        limits = [
            limit
            for statement in self.merged_limits().values()
            if (limit := self.limit(statement, judge))
        ]
        probe = self.probe()
        self.problems.raise_if_any()
        used = {str(each.key) for each in settings} | {f"rlimit.{each.name}" for each in limits}
        for key, location in allow.items():
            if str(key) not in used:
                self.problems.warn("allowed, but not set", key=str(key), location=location)
        return Profile(
            name=document.name,
            path=document.file,
            summary=document.summary,
            parents=tuple(each.file for each in self.documents[:-1]),
            variables=variables,
            given=dict(self.given),
            settings=tuple(settings),
            limits=tuple(limits),
            probe=probe,
            waivers=document.waivers,
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
        near = catalog.suggest(name[:100]) if not self.problems.many else ()
        return f"did you mean {near[0]}?" if near else ""

    def allowed(self) -> dict[SysctlKey, Location]:
        found: dict[SysctlKey, Location] = {}
        for scalar in self.document.allow:
            limit = scalar.text.startswith("rlimit.") and catalog.find(scalar.text)
            key = SysctlKey.parse(scalar.text) if limit else self.key(scalar.text, scalar.location)
            if key is not None:
                found[key] = scalar.location
        return found

    def setting(self, key: SysctlKey, statement: Statement, judge: Judge) -> Setting | None:
        judged = judge.setting(key, statement, catalog.find(key))
        if judged is None:
            return None
        requirements, prefer = judged
        return Setting(
            key=key,
            requirements=requirements,
            prefer=prefer,
            optional=statement.optional,
            reason=statement.reason,
            source=statement.source,
            location=statement.location,
        )

    def limit(self, statement: Statement, judge: Judge) -> Limit | None:
        tunable = catalog.find(f"rlimit.{statement.name}")
        if tunable is None:
            known = [
                each.pattern.removeprefix("rlimit.")
                for each in catalog.entries()
                if each.scope is Scope.PROCESS
            ]
            self.problems.add(
                "unknown limit",
                key=statement.label,
                location=statement.location,
                hint=self.problems.nearest(statement.name, known)
                or f"the limits are {', '.join(known)}",
            )
            return None
        requirements = judge.limit(statement, tunable)
        if requirements is None:
            return None
        return Limit(
            name=statement.name,
            requirements=requirements,
            optional=statement.optional,
            reason=statement.reason,
            source=statement.source,
            location=statement.location,
        )

    def probe(self) -> ProbeWanted | None:
        wanting = [each.connections for each in self.documents if each.connections is not None]
        if not wanting:
            return None
        scalar: Scalar = wanting[-1]
        key = "probe.connections"
        try:
            connections = evaluate(scalar.text, self.variables.lookup).value
        except TunekitError as error:
            self.variables.note(error, key, scalar.location)
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
