"""One profile file as written: raw texts with their places, nothing resolved."""

from __future__ import annotations

from tunekit.errors import Location
from tunekit.profile.model import Mode, Waiver
from tunekit.profile.nodes import Scalar
from tunekit.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What follows `exactly`, `at_least` or `at_most`.

    `texts` are the elements of a list, or the one text of a scalar when not `listed`.
    """

    mode: Mode
    texts: tuple[Scalar, ...]
    listed: bool
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One entry below `sysctl` or `limits`: a name and what is wanted of it.

    `label` is the name as messages give it: `limits.nofile`.
    """

    name: str
    label: str
    demands: tuple[Demand, ...] = ()
    prefer: tuple[Scalar, ...] = ()
    optional: bool = False
    reason: str = ""
    source: str = ""
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A profile file and those that it extends, in the order of its `extends`."""

    file: str
    name: str
    summary: str = ""
    extends: tuple[Scalar, ...] = ()
    variables: tuple[tuple[str, Scalar], ...] = ()
    settings: tuple[Statement, ...] = ()
    limits: tuple[Statement, ...] = ()
    connections: Scalar | None = None
    waivers: tuple[Waiver, ...] = ()
    allow: tuple[Scalar, ...] = ()
    parents: tuple[Document, ...] = ()


def lineage(document: Document) -> tuple[Document, ...]:
    """A document and all that it extends, so that whatever comes later wins.

    A document that is reached in two ways counts where it comes last.
    """
    order: list[Document] = []
    seen: set[int] = set()

    def visit(current: Document) -> None:
        if id(current) in seen:
            return
        seen.add(id(current))
        order.append(current)
        for parent in reversed(current.parents):
            visit(parent)

    visit(document)
    return tuple(reversed(order))
