"""Numbers and the arithmetic over them: `4 * connections + 64KiB`.

    sum     = product { ("+" | "-") product }
    product = factor { ("*" | "//") factor }
    factor  = "-" factor | "(" sum ")" | NUMBER | NAME | ("min" | "max") "(" sum { "," sum } ")"

Every result, also of a part, is an integer that fits 64 bits; `//` rounds down.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tunekit.errors import InvalidValue
from tunekit.profile.problems import shown
from tunekit.records import dataclass

LOWEST = -(1 << 63)
HIGHEST = (1 << 64) - 1
"""A kernel's unsigned long."""
MAX_LENGTH = 500
MAX_DEPTH = 30

_DECIMAL = {"k": 10**3, "m": 10**6, "g": 10**9}
_BINARY = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_UNITS = "k, m, g, KiB, MiB or GiB"
_BOOLEANS = {"on": 1, "yes": 1, "true": 1, "off": 0, "no": 0, "false": 0}
FUNCTIONS = {"min": min, "max": max}
RESERVED = frozenset(
    {*_BOOLEANS, *FUNCTIONS, "keep", "unlimited", "null", "ram", "cpus", "page_size"}
)
"""Names that no variable can have."""

_TOKEN = re.compile(
    r"[ \t\n]*(?:(?P<number>[0-9][0-9A-Za-z_:.]*)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>//|[-+*(),])|(?P<end>\Z)|(?P<bad>.))"
)
_PLAIN = re.compile(r"(0|[1-9][0-9]{0,19})([A-Za-z]*)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A number with a decimal suffix, as written and as it counts."""

    text: str
    value: int

    @property
    def binary(self) -> str:
        """The binary number that was perhaps meant: `4MiB` for `4m`."""
        return f"{self.text[:-1]}{self.text[-1].upper()}iB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """An integer, and the literals with a decimal suffix that stand in its expression."""

    value: int
    decimals: tuple[Literal, ...] = ()


def evaluate(text: str, lookup: Callable[[str], int]) -> Result:
    """Compute an expression.

    `lookup` gives the value of a name, and raises TunekitError for one it does not know. Raises
    InvalidValue, with the column, for a text that is no expression, a division by zero and a
    result that does not fit 64 bits.
    """
    if text.isdecimal() and text.isascii() and len(text) < 19 and (text[0] != "0" or text == "0"):
        return Result(value=int(text))
    if len(text) > MAX_LENGTH:
        raise InvalidValue(f"an expression of more than {MAX_LENGTH} characters")
    return _Parser(text, lookup).run()


def literal(text: str) -> Result:
    """Read one number with an optional suffix, such as `10k` or `4MiB`; `-1` is one too.

    Raises InvalidValue for what YAML or the kernel would read as another number than it looks.
    """
    digits = text.removeprefix("-")
    if not re.match(r"[0-9]", digits):
        raise not_a_number(text)
    result = _number(digits)
    return _negated(result) if digits != text else result


def not_a_number(text: str) -> InvalidValue:
    """Tell what to write instead of a word where a number belongs."""
    if text.lower() in _BOOLEANS:
        return InvalidValue(f"{text} is not a number", hint=f"write {_BOOLEANS[text.lower()]}")
    return InvalidValue(f"{shown(text)!r} is not a number", hint="write an integer")


class _Parser:
    """A recursive descent that computes as it goes."""

    def __init__(self, text: str, lookup: Callable[[str], int]) -> None:
        self.text = text
        self.lookup = lookup
        self.position = 0
        self.depth = 0
        self.decimals: list[Literal] = []
        self.advance()

    def run(self) -> Result:
        value = self.sum()
        if self.kind != "end":
            raise self.error("an operator is missing before")
        return Result(value=value, decimals=tuple(self.decimals))

    def advance(self) -> None:
        match = _TOKEN.match(self.text, self.position)
        # Every text matches: the last two alternatives take the end and any other character.
        assert match is not None
        self.kind = match.lastgroup or "end"
        self.token = match[self.kind]
        self.column = match.start(self.kind) + 1
        self.position = match.end()
        if self.kind == "bad":
            raise self.error("no part of an expression is", _HINTS.get(self.token, ""))

    def error(self, what: str, hint: str = "") -> InvalidValue:
        found = repr(shown(self.token)) if self.token else "the end"
        return InvalidValue(
            f"in {shown(self.text)!r}, column {self.column}: {what} {found}", hint=hint
        )

    def sum(self) -> int:
        value = self.product()
        while self.token in ("+", "-"):
            sign = self.token
            self.advance()
            other = self.product()
            value = self.bounded(value + other if sign == "+" else value - other)
        return value

    def product(self) -> int:
        value = self.factor()
        while self.token in ("*", "//"):
            sign, column = self.token, self.column
            self.advance()
            other = self.factor()
            if sign == "//" and other == 0:
                raise InvalidValue(
                    f"in {shown(self.text)!r}, column {column}: a division by zero",
                    hint="divide by at least 1",
                )
            value = self.bounded(value * other if sign == "*" else value // other)
        return value

    def factor(self) -> int:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"nested more than {MAX_DEPTH} deep at")
        try:
            return self.atom()
        finally:
            self.depth -= 1

    def atom(self) -> int:
        token, kind = self.token, self.kind
        if kind == "number":
            result = _number(token)
            self.decimals.extend(result.decimals)
            self.advance()
            return self.bounded(result.value)
        if token == "-":
            self.advance()
            return self.bounded(-self.factor())
        if token == "(":
            self.advance()
            value = self.sum()
            self.expect(")")
            return value
        if kind == "name":
            return self.function() if token in FUNCTIONS else self.variable()
        hint = "write the number without a sign" if token == "+" else _HINTS.get(token, "")
        raise self.error("a number or a name is missing before", hint)

    def function(self) -> int:
        function = FUNCTIONS[self.token]
        self.advance()
        self.expect("(")
        values = [self.sum()]
        while self.token == ",":
            self.advance()
            values.append(self.sum())
        self.expect(")")
        return function(values)

    def variable(self) -> int:
        if self.token.lower() in _BOOLEANS:
            raise not_a_number(self.token)
        value = self.lookup(self.token)
        self.advance()
        return value

    def expect(self, token: str) -> None:
        if self.token != token:
            raise self.error(f"{token!r} is missing before")
        self.advance()

    def bounded(self, value: int) -> int:
        if not LOWEST <= value <= HIGHEST:
            raise InvalidValue(
                f"{shown(self.text)!r} does not fit 64 bits", hint="write a smaller number"
            )
        return value


_OPERATORS = "the operators are + - * //"
_HINTS = {
    "/": "divide with //, which rounds down",
    "%": _OPERATORS,
    "^": _OPERATORS,
    "*": _OPERATORS,
    "//": _OPERATORS,
}


def _number(token: str) -> Result:
    match = _PLAIN.match(token)
    if match is None:
        raise _misread(token)
    value, suffix = int(match[1]), match[2]
    if not suffix:
        return Result(value=value)
    if suffix in _BINARY:
        return Result(value=value * _BINARY[suffix])
    factor = _DECIMAL.get(suffix.lower())
    if factor is None:
        raise _unknown_unit(token, match[1], suffix)
    return Result(value=value * factor, decimals=(Literal(text=token, value=value * factor),))


def _negated(result: Result) -> Result:
    return Result(value=-result.value, decimals=result.decimals)


def _unknown_unit(token: str, digits: str, suffix: str) -> InvalidValue:
    letter = suffix[0].lower()
    if letter in _DECIMAL and suffix.lower() in (letter + "b", letter + "i", letter + "ib"):
        return InvalidValue(
            f"{shown(token)}: the unit {suffix!r} is not known",
            hint=f"write {digits}{letter} for {int(digits) * _DECIMAL[letter]}"
            f" or {digits}{letter.upper()}iB for {int(digits) * _BINARY[letter.upper() + 'iB']}",
        )
    return InvalidValue(
        f"{shown(token)}: the unit {shown(suffix)!r} is not known", hint=f"write {_UNITS}"
    )


def _misread(token: str) -> InvalidValue:
    """Say what to write for a number that YAML, the kernel and people read differently."""
    if len(token) > 40:
        return InvalidValue(f"{shown(token)} does not fit 64 bits", hint="write a smaller number")
    if token.isdigit() and token[0] != "0":
        return InvalidValue(f"{token} does not fit 64 bits", hint="write a smaller number")
    if re.fullmatch(r"0[0-9]+", token):
        if re.fullmatch(r"0[0-7]+", token):
            return InvalidValue(
                f"{token} has a leading zero, which makes it octal for YAML and for the kernel",
                hint=f"write {int(token)}, or {int(token, 8)} if octal was meant",
            )
        return InvalidValue(f"{token} has a leading zero", hint=f"write {int(token)}")
    if match := re.fullmatch(r"0[oO]([0-7]+)", token):
        return _write(token, "octal", int(match[1], 8))
    if match := re.fullmatch(r"0[xX]([0-9a-fA-F]+)", token):
        return _write(token, "hexadecimal", int(match[1], 16))
    if match := re.fullmatch(r"0[bB]([01]+)", token):
        return _write(token, "binary", int(match[1], 2))
    if re.fullmatch(r"[0-9]+(_[0-9]+)+", token):
        return _write(token, "grouped by underscores", int(token.replace("_", "")))
    if re.fullmatch(r"[0-9]+(:[0-9]+)+", token):
        total = 0
        for part in token.split(":"):
            total = total * 60 + int(part)
        return InvalidValue(
            f"{token} is {total} for YAML, which counts it in sixties",
            hint=f"write {total} if that was meant",
        )
    if match := re.fullmatch(r"([0-9]+)(?:\.([0-9]*))?(?:[eE]([0-9]{1,2}))?", token):
        return _write(token, "a floating-point number", _whole(match[1], match[2] or "", match[3]))
    return InvalidValue(
        f"{shown(token)!r} is not a number", hint=f"write an integer, with {_UNITS} after it or not"
    )


def _whole(integer: str, fraction: str, exponent: str | None) -> int | None:
    shift = int(exponent or 0) - len(fraction)
    digits = int(integer + fraction)
    unit = 10 ** abs(shift)
    if shift >= 0:
        return int(digits * unit)
    return int(digits // unit) if digits % unit == 0 else None


def _write(token: str, what: str, value: int | None) -> InvalidValue:
    hint = f"write {value}" if value is not None and value <= HIGHEST else "write an integer"
    return InvalidValue(f"{token} is {what}", hint=hint)
