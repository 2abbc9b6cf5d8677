"""From YAML nodes to a Document: which fields there are, and of which type each is."""

from __future__ import annotations

from pathlib import PurePath

from tunekit.errors import Location
from tunekit.profile import waivers
from tunekit.profile.document import Demand, Document, Statement
from tunekit.profile.model import Mode
from tunekit.profile.nodes import Mapping, Node, Scalar, Sequence
from tunekit.profile.problems import Problems, shown

FORMAT = "1"
"""The value of `tunekit:` that this loader understands."""

_FIELDS = (
    "tunekit",
    "name",
    "summary",
    "extends",
    "vars",
    "sysctl",
    "limits",
    "probe",
    "waivers",
    "allow",
)
_MODES = {mode.value: mode for mode in Mode}
_YES = ("on", "yes", "y", "true", "1")
_NO = ("off", "no", "n", "false", "0")
_STATEMENT_FIELDS = (*_MODES, "prefer", "optional", "reason", "source")


def read(root: Node, file: str, problems: Problems) -> Document:
    """Take a profile's fields out of its nodes; what is wrong is noted in `problems`."""
    return Reader(file, problems).document(root)


class Reader:
    """Takes fields out of nodes, noting in `problems` what is wrong with them."""

    def __init__(self, file: str, problems: Problems) -> None:
        self.file = file
        self.problems = problems

    def document(self, root: Node) -> Document:
        stem = PurePath(self.file).stem
        start = Location(file=self.file, line=1)
        if not isinstance(root, Mapping):
            self.problems.add(
                f"a profile is a mapping, not {_kind(root)}",
                location=root.location,
                hint="begin with the line 'tunekit: 1'",
            )
            self.problems.broken = True
            return Document(file=self.file, name=stem)
        fields = self.fields(root, _FIELDS, "")
        if "tunekit" in fields:
            self.version(fields["tunekit"])
        else:
            self.problems.add(
                "the field 'tunekit' is missing", location=start, hint="write 'tunekit: 1'"
            )
        connections = None
        if "probe" in fields:
            probe = self.mapping(fields["probe"], "probe", ("connections",))
            if "connections" in probe:
                connections = self.scalar(probe["connections"], "probe.connections")
        return Document(
            file=self.file,
            name=self.prose(fields.get("name"), "name") or stem,
            summary=self.prose(fields.get("summary"), "summary"),
            extends=self.names(fields.get("extends"), "extends"),
            variables=self.variables(fields.get("vars")),
            settings=self.statements(fields.get("sysctl"), "sysctl"),
            limits=self.statements(fields.get("limits"), "limits"),
            connections=connections,
            waivers=waivers.read(fields["waivers"], self) if "waivers" in fields else (),
            allow=self.names(fields.get("allow"), "allow"),
        )

    def version(self, node: Node) -> None:
        scalar = self.scalar(node, "tunekit")
        if scalar is not None and scalar.text != FORMAT:
            self.problems.add(
                f"profile format {shown(scalar.text)!r} is not known to this version of tunekit",
                key="tunekit",
                location=scalar.location,
                hint=f"write 'tunekit: {FORMAT}', or use a newer tunekit",
            )

    def variables(self, node: Node | None) -> tuple[tuple[str, Scalar], ...]:
        if node is None:
            return ()
        found = []
        for name, value in self.entries(node, "vars"):
            scalar = self.scalar(value, f"vars.{name.text}")
            if scalar is not None:
                found.append((name.text, scalar))
            else:
                # Whoever uses the variable is not to blame.
                self.problems.broken = True
        return tuple(found)

    def statements(self, node: Node | None, section: str) -> tuple[Statement, ...]:
        if node is None:
            return ()
        # A sysctl key says itself where it stands; the name of a limit does not.
        prefix = "" if section == "sysctl" else f"{section}."
        return tuple(
            self.statement(name, value, prefix + name.text)
            for name, value in self.entries(node, section)
        )

    def statement(self, name: Scalar, node: Node, key: str) -> Statement:
        """One `NAME: VALUE`, `NAME: [VALUES]` or `NAME: {at_least: ...}`, called `key`."""
        if not isinstance(node, Mapping):
            demand = self.demand(Mode.EXACTLY, node, key)
            demands = (demand,) if demand else ()
            return Statement(name=name.text, label=key, demands=demands, location=name.location)
        before = len(self.problems)
        fields = self.fields(node, _STATEMENT_FIELDS, key)
        wanting = [self.demand(_MODES[f], v, key) for f, v in fields.items() if f in _MODES]
        prefer = self.names(fields.get("prefer"), key, "prefer")
        given = [field for field in fields if field in _MODES or field == "prefer"]
        if not given and len(self.problems) == before:
            self.problems.add(
                "nothing is wanted of it",
                key=key,
                location=name.location,
                hint="add at_least, at_most, exactly or prefer",
            )
        for alone in ("exactly", "prefer"):
            if alone in given and len(given) > 1:
                others = ", ".join(field for field in given if field != alone)
                self.problems.add(
                    f"{alone} cannot be combined with {others}",
                    key=key,
                    location=name.location,
                    hint="keep one of them",
                )
                break
        return Statement(
            name=name.text,
            label=key,
            demands=tuple(demand for demand in wanting if demand),
            prefer=prefer,
            optional=self.flag(fields.get("optional"), key, "optional"),
            reason=self.prose(fields.get("reason"), key, "reason"),
            source=self.prose(fields.get("source"), key, "source"),
            location=name.location,
        )

    def demand(self, mode: Mode, node: Node, key: str) -> Demand | None:
        if isinstance(node, Sequence):
            if not node.items:
                self.problems.add(
                    "an empty list", key=key, location=node.location, hint="write one value a field"
                )
                return None
            texts = [self.scalar(item, key) for item in self.whole_items(node, key)]
            if None in texts or not texts:
                return None
            return Demand(
                mode=mode,
                texts=tuple(text for text in texts if text),
                listed=True,
                location=node.location,
            )
        text = self.scalar(node, key)
        if text is None:
            return None
        return Demand(mode=mode, texts=(text,), listed=False, location=text.location)

    def fields(self, node: Mapping, known: tuple[str, ...], key: str) -> dict[str, Node]:
        """The known fields of a mapping, by name; unknown ones are errors."""
        found: dict[str, Node] = {}
        for name, value in self.whole_entries(node, key, known):
            if name.text in known:
                found[name.text] = value
                continue
            self.problems.add(
                f"unknown field {shown(name.text)!r}",
                key=key,
                location=name.location,
                hint=self.problems.nearest(name.text, known)
                or f"the fields are {', '.join(known)}",
            )
        return found

    def whole_entries(
        self, node: Mapping, key: str, known: tuple[str, ...] = ()
    ) -> list[tuple[Scalar, Node]]:
        """The entries of a mapping, without those whose value a comma broke apart.

        YAML ends a plain text inside braces at a comma: in `{at_least: max(a, b)}` the rest
        `b)` becomes a key without a value.
        """
        whole: list[tuple[Scalar, Node]] = []
        rest: list[str] = []
        for name, value in node.entries:
            absent = isinstance(value, Scalar) and value.absent
            before = whole[-1][1] if whole else None
            if node.flow and absent and isinstance(before, Scalar) and before.plain:
                text = ", ".join([before.text, *rest])
                in_statement = known is _STATEMENT_FIELDS and name.text not in known
                if in_statement or text.count("(") > text.count(")"):
                    rest.append(name.text)
                    continue
            self.join(whole, rest, key)
            whole.append((name, value))
        self.join(whole, rest, key)
        return whole

    def join(self, whole: list[tuple[Scalar, Node]], rest: list[str], key: str) -> None:
        """Report the last entry as broken, and drop it, if there is a rest of it."""
        if not rest:
            return
        name, value = whole.pop()
        assert isinstance(value, Scalar)
        self.problems.broken = True
        self.broken_at_comma(", ".join([value.text, *rest]), key or name.text, value.location)
        rest.clear()

    def broken_at_comma(self, text: str, key: str, location: Location) -> None:
        self.problems.add(
            f"YAML breaks {shown(text)!r} apart at its comma",
            key=key,
            location=location,
            hint=f'quote it: "{shown(text)}"',
        )

    def whole_items(self, node: Sequence, key: str) -> tuple[Node, ...]:
        """The elements of a list, refused where a comma inside parentheses split one."""
        open_text = ""
        for item in node.items if node.flow else ():
            if not isinstance(item, Scalar) or not item.plain:
                continue
            text = f"{open_text}, {item.text}" if open_text else item.text
            if open_text and text.count("(") <= text.count(")"):
                self.broken_at_comma(text, key, item.location)
                return ()
            open_text = text if text.count("(") > text.count(")") else ""
        return node.items

    def mapping(self, node: Node, key: str, known: tuple[str, ...]) -> dict[str, Node]:
        if isinstance(node, Mapping):
            return self.fields(node, known, key)
        self.entries(node, key)
        return {}

    def entries(self, node: Node, section: str) -> list[tuple[Scalar, Node]]:
        """The entries of a section, whose names are the user's."""
        if isinstance(node, Mapping):
            return self.whole_entries(node, "")
        if not (isinstance(node, Scalar) and node.absent):
            self.problems.add(
                f"a mapping belongs here, not {_kind(node)}",
                key=section,
                location=node.location,
                hint="write one 'NAME: VALUE' a line, indented",
            )
        return []

    def names(self, node: Node | None, key: str, field: str = "") -> tuple[Scalar, ...]:
        """One text or a list of texts."""
        if node is None:
            return ()
        items = node.items if isinstance(node, Sequence) else (node,)
        found = [self.scalar(item, key, field) for item in items]
        if not items:
            self.wrong(node, key, field, "an empty list", "write at least one name")
        return tuple(name for name in found if name is not None)

    def scalar(self, node: Node, key: str, field: str = "") -> Scalar | None:
        if not isinstance(node, Scalar):
            self.wrong(node, key, field, f"one value belongs here, not {_kind(node)}", "")
            return None
        if node.absent or (node.plain and node.text in ("~", "null")):
            self.wrong(node, key, field, "no value", "write one, or remove the line")
            return None
        return node

    def prose(self, node: Node | None, key: str, field: str = "") -> str:
        """A text for people: its white space becomes single blanks."""
        scalar = self.scalar(node, key, field) if node is not None else None
        return " ".join(scalar.text.split()) if scalar else ""

    def flag(self, node: Node | None, key: str, field: str) -> bool:
        scalar = self.scalar(node, key, field) if node is not None else None
        if scalar is None or scalar.text == "false":
            return False
        if scalar.text != "true":
            word = scalar.text.lower()
            meant = "true" if word in _YES else "false" if word in _NO else "true or false"
            message = f"{shown(scalar.text)!r} is not a flag"
            self.wrong(scalar, key, field, message, f"write {meant}")
        return True

    def wrong(self, node: Node, key: str, field: str, message: str, hint: str) -> None:
        self.problems.add(
            f"{field}: {message}" if field else message,
            key=key,
            location=node.location,
            hint=hint,
        )


def _kind(node: Node) -> str:
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    return "nothing" if node.absent else f"{shown(node.text)!r}"
