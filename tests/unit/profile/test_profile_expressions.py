"""Arithmetic: what it computes, and what it says when it cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.errors import InvalidValue
from tunekit.profile.expressions import HIGHEST, LOWEST, evaluate

NAMES = {"a": 7, "connections": 10_000, "ram": 1 << 34}


def value(text: str) -> int:
    return evaluate(text, NAMES.__getitem__).value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("-1", -1),
        ("10k", 10_000),
        ("10K", 10_000),
        ("3m", 3_000_000),
        ("2G", 2_000_000_000),
        ("4KiB", 4096),
        ("4MiB", 4 << 20),
        ("1GiB", 1 << 30),
        ("18446744073709551615", HIGHEST),
        ("-9223372036854775808", LOWEST),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 2 - 3", 5),
        ("7 // 2 // 2", 1),
        ("-7 // 2", -4),
        ("2*-3", -6),
        ("--3", 3),
        ("max(1, a, 3)", 7),
        ("min(a)", 7),
        ("min(max(1, 9), a) * 2", 14),
        ("4 * connections + 65536", 105_536),
        ("\tram // 128 ", 1 << 27),
    ],
)
def test_an_expression_is_an_integer(text: str, expected: int) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "5 / 2",
            "in '5 / 2', column 3: no part of an expression is '/'",
            "divide with //, which rounds down",
        ),
        (
            "2 ** 3",
            "in '2 ** 3', column 4: a number or a name is missing before '*'",
            "the operators are + - * //",
        ),
        ("5 // (a - 7)", "in '5 // (a - 7)', column 3: a division by zero", "divide by at least 1"),
        ("(1 + 2", "in '(1 + 2', column 7: ')' is missing before the end", ""),
        ("1 + 2)", "in '1 + 2)', column 6: an operator is missing before ')'", ""),
        ("1 2", "in '1 2', column 3: an operator is missing before '2'", ""),
        ("max", "in 'max', column 4: '(' is missing before the end", ""),
        ("max()", "in 'max()', column 5: a number or a name is missing before ')'", ""),
        ("a.b", "in 'a.b', column 2: no part of an expression is '.'", ""),
        ("9" * 21, "9" * 21 + " does not fit 64 bits", "write a smaller number"),
        (
            "18446744073709551616",
            "'18446744073709551616' does not fit 64 bits",
            "write a smaller number",
        ),
        (
            "18446744073709551615 + 1 - 1",
            "'18446744073709551615 + 1 - 1' does not fit 64 bits",
            "write a smaller number",
        ),
        (
            "9223372036854775809g",
            "'9223372036854775809g' does not fit 64 bits",
            "write a smaller number",
        ),
        (
            "(" * 31 + "1" + ")" * 31,
            f"in '{'(' * 31}1{')' * 25}...', column 31: nested more than 30 deep at '('",
            "",
        ),
        ("1" + " + 1" * 200, "an expression of more than 500 characters", ""),
        ("", "in '', column 1: a number or a name is missing before the end", ""),
    ],
)
def test_a_broken_expression_says_where(text: str, message: str, hint: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        value(text)

    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_decimal_suffixes_are_told_apart_from_binary_ones() -> None:
    result = evaluate("4m + 2 * 1GiB + 5", len)

    assert [(each.text, each.value, each.binary) for each in result.decimals] == [
        ("4m", 4_000_000, "4MiB")
    ]


class _Tree:
    """An expression with the value that Python gives it."""

    leaves = st.integers(0, 10**6).map(lambda number: (str(number), number))

    @staticmethod
    def grow(inner: st.SearchStrategy[tuple[str, int]]) -> st.SearchStrategy[tuple[str, int]]:
        def join(left: tuple[str, int], sign: str, right: tuple[str, int]) -> tuple[str, int]:
            (a, x), (b, y) = left, right
            if sign in ("min", "max"):
                return f"{sign}({a}, {b})", {"min": min, "max": max}[sign](x, y)
            results = {"+": x + y, "-": x - y, "*": x * y}
            if sign == "//":
                return (f"({a}) // ({b})", x // y) if y else (a, x)
            return f"({a}) {sign} ({b})", results[sign]

        return st.builds(join, inner, st.sampled_from(["+", "-", "*", "//", "min", "max"]), inner)


@given(st.recursive(_Tree.leaves, _Tree.grow, max_leaves=6))
def test_every_expression_has_python_s_value_or_does_not_fit(case: tuple[str, int]) -> None:
    text, expected = case
    try:
        found = value(text)
    except InvalidValue as error:
        assert error.message.endswith("does not fit 64 bits")  # noqa: PT017
        return
    assert found == expected


@given(st.integers(LOWEST, HIGHEST))
def test_every_integer_of_64_bits_reads_as_itself(number: int) -> None:
    assert value(str(number)) == number
