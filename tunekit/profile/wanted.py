"""From the raw texts of a statement to its requirements, by the type of the key."""

from __future__ import annotations

import re
from collections.abc import Callable

from tunekit.catalog.model import Tunable
from tunekit.errors import InvalidValue
from tunekit.profile.document import Demand
from tunekit.profile.expressions import Literal, Result, evaluate, literal
from tunekit.profile.model import Mode, Requirement, Wanted
from tunekit.profile.problems import shown
from tunekit.records import dataclass
from tunekit.values import Kind, Ports, Text, parse

_SIZE = re.compile(r"-?[0-9]+[KMG]iB\Z")
# What the kernel or a profile may write for a number; whether it is a good one is told later.
_INTEGER = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|[0-9]+(?:[kmgKMG]|[KMG]iB)?)\Z")
_TWO_NUMBERS = re.compile(r"-?[0-9]+(?:[ \t\n]+[0-9]+)+\Z")
_OCTAL = re.compile(r"\b0[0-9]{1,20}")
_AROUND_COMMA = re.compile(r"\s*,\s*")
_LIKE_NUMBER = re.compile(r"-?[0-9]|keep\Z")
KEEP = "keep"
UNLIMITED = "unlimited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A demand understood: `decimals` are its numbers with a decimal suffix; `sized` tells that
    one of its fields is a size such as 4MiB.
    """

    requirement: Requirement
    decimals: tuple[Literal, ...] = ()
    sized: bool = False


def read(demand: Demand, tunable: Tunable | None, lookup: Callable[[str], int]) -> Reading:
    """Read what a demand wants of a key.

    A key that the catalogue does not know has its type guessed: numbers where all of the text is
    integers or where it is compared, else a text. Raises InvalidValue, and whatever `lookup`
    raises for a name that an expression uses.
    """
    kind = tunable.kind if tunable else _guess(demand)
    if kind is Kind.NUMBERS:
        return _numbers(demand, tunable, lookup)
    if kind is Kind.PORTS:
        return _plain(demand.mode, _ports(",".join(scalar.text for scalar in demand.texts)))
    if demand.listed and len(demand.texts) > 1:
        raise InvalidValue(
            "takes one text, not a list",
            hint="write the text alone, or prefer: [FIRST, SECOND] to take the first there is",
        )
    text = demand.texts[0].text
    if "\n" in text:
        raise InvalidValue("a line break in a value", hint="write it on one line")
    return _plain(demand.mode, Text(text))


def _plain(mode: Mode, value: Wanted) -> Reading:
    return Reading(requirement=Requirement(mode=mode, wanted=value))


def _ports(text: str) -> Ports:
    if octal := _OCTAL.search(text):
        raise InvalidValue(
            f"{octal.group()} has a leading zero, which makes it octal for the kernel",
            hint=f"write {int(octal.group())}",
        )
    ports = parse(_AROUND_COMMA.sub(",", text.strip()), Kind.PORTS)
    assert isinstance(ports, Ports)
    return ports


def _guess(demand: Demand) -> Kind:
    if demand.mode is not Mode.EXACTLY:
        return Kind.NUMBERS
    words = [word for scalar in demand.texts for word in scalar.text.split() if word != KEEP]
    return Kind.NUMBERS if words and all(map(_INTEGER.match, words)) else Kind.TEXT


def limit(demand: Demand, tunable: Tunable, lookup: Callable[[str], int]) -> Reading:
    """Read what a demand wants of a resource limit, as the pair of soft and hard.

    One value is for both; `unlimited` is -1, where the limit can be without one. Raises like
    `read`.
    """
    texts = [scalar.text.strip() for scalar in demand.texts]
    if UNLIMITED in texts and -1 not in tunable.unlimited:
        raise InvalidValue(
            "this limit is always a number", hint=f"write at most {tunable.fields[-1].maximum}"
        )
    texts = ["-1" if text == UNLIMITED else text for text in texts]
    if not demand.listed:
        texts *= 2
    return _reading(demand.mode, texts, lambda text: evaluate(text, lookup))


def _numbers(demand: Demand, tunable: Tunable | None, lookup: Callable[[str], int]) -> Reading:
    if demand.listed:
        texts = [scalar.text.strip() for scalar in demand.texts]
    else:
        texts = _split(demand.texts[0].text.strip(), len(tunable.fields) if tunable else None)
    if demand.listed or len(texts) == 1:
        return _reading(demand.mode, texts, lambda text: evaluate(text, lookup))
    return _reading(demand.mode, texts, literal)


def _split(text: str, count: int | None) -> list[str]:
    """The fields of a scalar for a key of `count` fields, None where that is not known.

    White space separates numbers, but it also stands inside an expression.
    """
    tokens = text.split()
    if count == 1:
        # "1 2" is refused for its count, which is clearer than a missing operator.
        return tokens if _TWO_NUMBERS.match(text) else [text]
    if len(tokens) <= 1 or (count is None and not all(map(_LIKE_NUMBER.match, tokens))):
        return [text]
    if all(map(_LIKE_NUMBER.match, tokens)):
        return tokens
    raise InvalidValue(
        f"{shown(text)!r} is not {count} numbers",
        hint="write a list, one expression a field, such as [4096, 16KiB, 4 * size]",
    )


def _reading(mode: Mode, texts: list[str], number: Callable[[str], Result]) -> Reading:
    results = [None if text == KEEP else number(text) for text in texts]
    if all(result is None for result in results):
        raise InvalidValue("every field is kept, so nothing is wanted", hint="remove the line")
    decimals = [each for result in results if result for each in result.decimals]
    return Reading(
        requirement=Requirement(
            mode=mode, wanted=tuple(result.value if result else None for result in results)
        ),
        decimals=tuple(dict.fromkeys(decimals)),
        sized=any(_SIZE.match(text) for text in texts),
    )
