"""What the targets share: comments, and the words for what a tool cannot be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tunekit.files.exchange import (
    ALLOW,
    CONNECTIONS,
    DEMAND,
    LIMIT,
    NAME,
    NOT_CARRIED,
    SOURCE,
    SUMMARY,
    LeftOut,
)
from tunekit.files.export.model import Bundle, Exported, Item, LimitItem


def finish(lines: Iterable[str], left_out: Sequence[LeftOut]) -> Exported:
    """Join the lines of a file, and say at its end what it leaves out."""
    text = "".join(f"{line}\n" for line in lines)
    if left_out:
        text += "".join(
            f"{line}\n" for line in ("", *comments(f"{NOT_CARRIED}{e}" for e in left_out))
        )
    return Exported(text=text, left_out=tuple(left_out))


def comments(lines: Iterable[str], indent: str = "") -> Iterator[str]:
    """Lines as comments; what could end one is made visible."""
    for line in lines:
        yield f"{indent}# {plain(line)}".rstrip()


def plain(text: str) -> str:
    """A text on one line, without characters that do not print."""
    return "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))


def heading(bundle: Bundle, *more: str) -> list[str]:
    """The comment at the top of a file."""
    lines = [f"{NAME}{bundle.name}"]
    if bundle.summary:
        lines.append(f"{SUMMARY}{bundle.summary}")
    return list(comments((*lines, *more)))


def remembered(bundle: Bundle) -> Iterator[str]:
    """Comments for what only a profile can say: its limits, its proof, what it allows."""
    lines = [f"{LIMIT}{limit.name}: {limit.demand}" for limit in bundle.limits]
    if bundle.connections is not None:
        lines.append(f"{CONNECTIONS}{bundle.connections}")
    lines += [f"{ALLOW}{key}" for key in bundle.allow]
    if lines:
        yield from ("", *comments(lines))


def about(item: Item, indent: str = "") -> Iterator[str]:
    """The comment above a key: its reason, its source, and what the profile asks for."""
    lines = [item.reason] if item.reason else []
    lines += [f"{SOURCE}{item.source}"] if item.source else []
    yield from comments([*lines, f"{DEMAND}{item.demand}"], indent)


def literal(item: Item) -> LeftOut | None:
    """What is lost when only the value of an item can be written; None when nothing is."""
    if item.is_literal:
        return None
    if item.choices:
        why = f"written as {item.value}, the first that this host has"
    else:
        why = f"written as {item.value}: a host that has more is lowered to it"
    return LeftOut(place=item.place, what=f"{item.key}: {item.demand}", why=why)


def literals(items: Iterable[Item]) -> list[LeftOut]:
    """What is lost of each item."""
    return [lost for item in items if (lost := literal(item)) is not None]


def limits_left_out(limits: Iterable[LimitItem], why: str) -> list[LeftOut]:
    """Limits that a target has no place for."""
    return [LeftOut(place=each.place, what=f"limits.{each.name}", why=why) for each in limits]


def quoted(text: str) -> str:
    """A text in double quotes, as YAML and JSON read it."""
    import json

    return json.dumps(text, ensure_ascii=False)
