"""Files made to hurt the loader: refused early, with a line."""

from __future__ import annotations

import pytest
import yaml

from tunekit.errors import ProfileError
from tunekit.profile import nodes
from tunekit.profile.files import from_bytes
from tunekit.profile.problems import Problems
from tunekit.profile.resolve import resolve

DEEP = "p.yaml:1: nested more than 16 deep; a profile needs 4 levels"
LAUGHS = "tunekit: 1\nx: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "\n".join(
    f"x{i}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 10)}]" for i in range(9)
)


def problems_without_c(data: bytes) -> list[str]:
    problems = Problems()
    nodes.parse(data, "p.yaml", problems, loader=yaml.SafeLoader)
    return [str(error) for error in problems.errors]


def problems_of(data: bytes) -> list[str]:
    problems = Problems()
    from_bytes(data, "p.yaml", problems)
    return [str(error) for error in problems.errors]


@pytest.mark.parametrize("part", ["- ", "{a: ", "? "])
def test_deep_nesting_is_refused_without_the_parser_in_c(part: str) -> None:
    assert problems_without_c((part * 50_000).encode()) == [DEEP]


@pytest.mark.parametrize(
    ("escape", "message"),
    [
        ("\\ud800", "p.yaml:1: a control character ('\\ud800'); remove it"),
        (
            "\\Uffffffff",
            "p.yaml: not valid YAML: Python int too large to convert to C int",
        ),
        (
            "\\U00ffffff",
            "p.yaml: not valid YAML: chr() arg not in range(0x110000)",
        ),
    ],
)
def test_escapes_beyond_unicode_are_refused_without_the_parser_in_c(escape, message) -> None:
    assert problems_without_c(f'name: "{escape}"'.encode()) == [message]


@pytest.mark.parametrize("part", ["[", "- ", "{a: ", "? "])
def test_deep_nesting_is_refused_before_it_is_composed(part: str) -> None:
    assert problems_of((part * 50_000).encode()) == [DEEP]


def test_deep_nesting_by_indentation_is_refused() -> None:
    text = "\n".join(" " * depth + "a:" for depth in range(200))

    assert problems_of(text.encode()) == [
        "p.yaml:17: nested more than 16 deep; a profile needs 4 levels"
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (LAUGHS.encode(), "p.yaml:6: more than 20000 values, aliases counted; write less"),
        (
            b"- a\n" * 20_000,
            "p.yaml:20000: more than 20000 values, aliases counted; write less",
        ),
        (
            b"&a [*a]",
            "p.yaml:1: the alias *a stands inside what it refers to; write the value out",
        ),
        (b"a: *b", "p.yaml:1: the alias *b refers to nothing; write the value out"),
        (b"#" * ((1 << 20) + 1), "p.yaml: larger than 1 MiB; a profile takes a few kilobytes"),
        ("tunekit: 1".encode("utf-16"), "p.yaml:1: byte 0 is not UTF-8; save the file as UTF-8"),
        (b"tunekit: 1\nname: \xff", "p.yaml:2: byte 17 is not UTF-8; save the file as UTF-8"),
        (
            b"tunekit: 1\nname: \xed\xa0\x80",
            "p.yaml:2: byte 17 is not UTF-8; save the file as UTF-8",
        ),
    ],
)
def test_a_file_that_would_cost_too_much_or_is_no_text(data: bytes, message: str) -> None:
    assert problems_of(data) == [message]


@pytest.mark.parametrize(
    "character", ["\0", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u202e", "\ufeff"]
)
def test_control_characters_are_refused_raw_and_escaped(character: str) -> None:
    expected = [f"p.yaml:2: a control character ({character!a}); remove it"]
    escaped = f"\\u{ord(character):04x}"

    assert problems_of(f"tunekit: 1\nname: a{character}b\n".encode()) == expected
    assert problems_of(f'tunekit: 1\nname: "a{escaped}b"\n'.encode()) == expected


def test_an_expression_cannot_grow_out_of_64_bits(refused) -> None:
    assert refused("tunekit: 1\nsysctl: {fs.file-max: 4g * 4g * 4g}") == [
        "p.yaml:2: fs.file-max: '4g * 4g * 4g' does not fit 64 bits; write a smaller number"
    ]


def test_nonsense_by_the_thousand_is_reported_in_time(facts) -> None:
    text = "tunekit: 1\nsysctl:\n" + "".join(f"  a{i}.b: 1\n" for i in range(5000))
    problems = Problems()
    document = from_bytes(text.encode(), "p.yaml", problems)

    with pytest.raises(ProfileError) as caught:
        resolve(document, {}, facts, lambda _: False, problems)

    assert len(caught.value.problems) == 5000
