"""The ladder: every limit on the way to a number of connections, and the first that binds."""

from __future__ import annotations

from dataclasses import dataclass

from tunekit.check.model import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """The statement of a profile that makes room: what a key must be at least.

    `at_least` holds one expression of the profile format for each field, which may use the
    profile's `connections` and `processes`; `values` is what they come to. `limit` says that it
    is a resource limit, named without `rlimit.`.
    """

    key: str
    at_least: tuple[str, ...]
    values: tuple[int, ...]
    reason: str
    source: str
    limit: bool = False

    @property
    def statement(self) -> str:
        """The statement on one line, as a profile has it."""
        # A comma means something else to YAML inside of braces and brackets.
        texts = [f'"{text}"' if "," in text else text for text in self.at_least]
        shown = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        return f"{self.key}: {{at_least: {shown}}}"

    @property
    def command(self) -> str:
        """The shell command that does the same now."""
        if self.limit:
            return f"ulimit -n {self.values[0]}"
        text = " ".join(map(str, self.values))
        return f"sysctl -w {self.key}=" + (f'"{text}"' if len(self.values) > 1 else text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One limit: its value, what is in use of it, and the connections that the rest allows.

    `allows` is None where the limit does not depend on the number of connections, or is not known;
    `why` says which. `remedy` is the command that makes room for what is wanted, empty where
    nothing needs to be done. `lift` is what a profile would ask for, whether or not it holds here
    already; None where no setting can help.
    """

    limit: str
    value: int | None
    used: int | None = None
    allows: int | None = None
    why: str = ""
    remedy: str = ""
    lift: Lift | None = None

    def status(self, wanted: int) -> Status:
        """Judge it: skipped where it does not bind, unknown where it is not shown here."""
        if self.allows is None:
            return Status.UNKNOWN if self.value is None else Status.SKIP
        return Status.PASS if self.allows >= wanted else Status.FAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The ladder, and the first limit that the number of connections meets, if any does.

    `wanted` is 0 when the question is how many are carried.
    """

    wanted: int
    rungs: tuple[Rung, ...]

    @property
    def order(self) -> tuple[Rung, ...]:
        """The rungs that bind, the one that allows the fewest connections first."""
        known = [(rung.allows, rung) for rung in self.rungs if rung.allows is not None]
        return tuple(rung for _, rung in sorted(known, key=lambda pair: pair[0]))

    @property
    def lowest(self) -> Rung | None:
        """The rung that allows the fewest connections; None when none is known."""
        return self.order[0] if self.order else None

    @property
    def after(self) -> Rung | None:
        """The rung that binds next, once the lowest is lifted."""
        return self.order[1] if len(self.order) > 1 else None

    @property
    def carries(self) -> int | None:
        """The connections that every limit allows; None when none is known."""
        return self.lowest.allows if self.lowest else None

    @property
    def obstacle(self) -> Rung | None:
        """The first limit that is too low for what is wanted."""
        lowest = self.lowest
        return lowest if lowest and lowest.status(self.wanted) is Status.FAIL else None

    @property
    def unknown(self) -> tuple[Rung, ...]:
        """The limits that this host does not show."""
        return tuple(rung for rung in self.rungs if rung.status(self.wanted) is Status.UNKNOWN)


def unknown(limit: str) -> Rung:
    """The rung of a limit that is not shown here."""
    return Rung(limit=limit, value=None, why="not shown here")
