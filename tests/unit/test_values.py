"""Values: read as the kernel reads them, compared as values, written in one form."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tunekit.errors import InvalidValue, TunekitError
from tunekit.values import Kind, Numbers, Ports, SysctlValue, Text, guess, parse, written_form


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("4096", (4096,)),
        ("0", (0,)),
        ("00", (0,)),
        ("010", (8,)),
        ("0x10", (16,)),
        ("0XfF", (255,)),
        ("-1", (-1,)),
        ("-010", (-8,)),
        ("-0x10", (-16,)),
        ("-0", (0,)),
        ("4096\t131072\t6291456", (4096, 131072, 6291456)),
        ("  4096\n 131072\t 6291456 \n", (4096, 131072, 6291456)),
        ("18446744073709551615", (2**64 - 1,)),
    ],
)
def test_numbers_are_read_in_any_radix_and_white_space(text: str, fields: tuple[int, ...]) -> None:
    assert parse(text, Kind.NUMBERS) == Numbers(fields)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no number in it; write an integer"),
        (" \n", "no number in it; write an integer"),
        ("+5", "'+5' is not an integer; write decimal digits only"),
        ("1.5", "'1.5' is not an integer; write decimal digits only"),
        ("4k", "'4k' is not an integer; write decimal digits only"),
        ("1,2", "'1,2' is not an integer; write decimal digits only"),
        ("5\r", r"'5\\r' is not an integer; write decimal digits only"),
        ("5\0", r"'5\\x00' is not an integer; write decimal digits only"),
        ("0x", "'0x' is not an integer; write decimal digits only"),
        ("0o30", "'0o30' is not an integer; write decimal digits only"),
        ("1_000", "'1_000' is not an integer; write decimal digits only"),
        ("\u0663", "'\u0663' is not an integer; write decimal digits only"),
        ("-", "'-' is not an integer; write decimal digits only"),
        (
            "08",
            "'08' is not an octal number, which its leading zero makes of it; "
            "drop the leading zero",
        ),
        ("1 2 x", "'x' is not an integer; write decimal digits only"),
        ("0" * 21, f"'{'0' * 21}' is not an integer; write decimal digits only"),
        ("18446744073709551616", "'18446744073709551616' does not fit in 64 bits; "
                                 "write a smaller number"),
    ],
)  # fmt: skip
def test_what_the_kernel_takes_for_no_number_is_an_error(text: str, message: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse(text, Kind.NUMBERS)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "canonical", "count"),
    [
        ("", "", 0),
        ("\n", "", 0),
        ("8080", "8080", 1),
        ("9095,9094,9093", "9093-9095", 3),
        ("9093-9094,9095", "9093-9095", 3),
        ("1,3,2-2", "1-3", 3),
        ("5-9,7-20", "5-20", 16),
        ("9000-9100,8080", "8080,9000-9100", 102),
        ("0-65535", "0-65535", 65536),
        ("8080,", "8080", 1),
        ("010,0x1f90", "8,8080", 2),
    ],
)
def test_port_sets_have_one_form(text: str, canonical: str, count: int) -> None:
    ports = parse(text, Kind.PORTS)
    assert isinstance(ports, Ports)
    assert (str(ports), ports.count()) == (canonical, count)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("8080, 9090", "' 9090' is not a port or a range of ports; "
                       "write a list such as 8080,9000-9100 without blanks"),
        ("1,,2", "'' is not a port or a range of ports; "
                 "write a list such as 8080,9000-9100 without blanks"),
        (",", "'' is not a port or a range of ports; "
              "write a list such as 8080,9000-9100 without blanks"),
        ("http", "'http' is not a port or a range of ports; "
                 "write a list such as 8080,9000-9100 without blanks"),
        ("1-2-3", "'1-2-3' is not a port or a range of ports; "
                  "write a list such as 8080,9000-9100 without blanks"),
        ("9-8", "'9-8' is not a range within 0-65535; write the lower port first"),
        ("65536", "'65536' is not a range within 0-65535; write the lower port first"),
    ],
)  # fmt: skip
def test_what_the_kernel_takes_for_no_port_list_is_an_error(text: str, message: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse(text, Kind.PORTS)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "stored"),
    [("bbr", "bbr"), ("030", "030"), ("core.%p\n", "core.%p"), ("a\0b", "a"), ("a b ", "a b ")],
)
def test_strings_are_as_they_are_up_to_the_end_of_the_line(text: str, stored: str) -> None:
    assert parse(text, Kind.TEXT) == Text(stored)


def test_a_value_of_an_unknown_key_is_numbers_if_all_of_it_is() -> None:
    assert guess("4096 16384") == Numbers((4096, 16384))
    assert guess("4096 cubic") == Text("4096 cubic")


integers = st.integers(-(2**63), 2**64 - 1)
ranges = st.lists(
    st.tuples(st.integers(0, 65535), st.integers(0, 30)).map(
        lambda pair: (pair[0], min(65535, sum(pair)))
    ),
    max_size=8,
)


@given(st.lists(integers, min_size=1))
@example([10])
def test_the_written_form_of_numbers_is_decimal_and_means_the_same(fields: list[int]) -> None:
    value = Numbers(tuple(fields))
    text = written_form(value)
    assert text == " ".join(str(field) for field in fields)
    assert parse(text, Kind.NUMBERS) == value


@given(st.integers(0, 2**56), st.sampled_from(["{:d}", "0{:o}", "0x{:x}", "0X{:X}"]))
def test_a_number_is_the_same_in_every_radix(number: int, form: str) -> None:
    assert parse(form.format(number), Kind.NUMBERS) == Numbers((number,))


@given(ranges)
def test_a_port_set_is_a_set(pairs: list[tuple[int, int]]) -> None:
    expected = {port for low, high in pairs for port in range(low, high + 1)}
    ports = Ports.of(pairs)
    assert members(ports) == expected
    assert ports.count() == len(expected)
    assert parse(written_form(ports), Kind.PORTS) == ports
    assert all(a[1] + 1 < b[0] for a, b in zip(ports.ranges, ports.ranges[1:], strict=False))


@given(ranges, ranges)
def test_union_and_intersection_are_those_of_sets(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    first, second = Ports.of(one), Ports.of(other)
    assert members(first.union(second)) == members(first) | members(second)
    assert members(first.intersection(second)) == members(first) & members(second)


def members(ports: Ports) -> set[int]:
    return {port for low, high in ports.ranges for port in range(low, high + 1)}


def test_an_empty_port_set_is_written_as_a_newline_since_nothing_does_nothing() -> None:
    assert written_form(Ports(())) == "\n"


@given(st.text(), st.sampled_from(Kind))
def test_any_text_is_a_value_or_an_error_of_ours(text: str, kind: Kind) -> None:
    value = value_or_error(text, kind)
    if isinstance(value, TunekitError):
        assert value.hint
    elif kind is not Kind.TEXT:
        assert parse(written_form(value), kind) == value


def value_or_error(text: str, kind: Kind) -> SysctlValue | TunekitError:
    try:
        return parse(text, kind)
    except TunekitError as error:
        return error
