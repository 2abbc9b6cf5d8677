"""What arguments mean, before any command sees them."""

from __future__ import annotations

import pytest

from tunekit.cli.inspect import sort_out
from tunekit.cli.options import number
from tunekit.cli.output import asked_format
from tunekit.cli.sockbuf import sizes
from tunekit.errors import UsageError
from tunekit.profile.find import looks_like_profile
from tunekit.report import Format


@pytest.mark.parametrize(
    ("argument", "profile"),
    [
        ("high-conn", True),
        ("high-conn.yaml", True),
        ("profiles/high-conn.yml", True),
        ("./high-conn", True),
        ("/etc/tunekit/profiles/high-conn", True),
        ("net.core.somaxconn", False),
        ("net/core/somaxconn", False),
        ("net.ipv4.tcp_*", False),
        ("*", False),
        ("net*", False),
    ],
)
def test_a_profile_is_told_from_a_key(argument: str, profile: bool) -> None:
    assert looks_like_profile(argument) is profile


def test_keys_and_globs_go_together() -> None:
    assert sort_out(["net.core.somaxconn", "*"]) == (None, ("net.core.somaxconn", "*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "b"], "2 profiles: a, b; inspect one at a time"),
        (
            ["a", "net.core.somaxconn"],
            "a is a profile and net.core.somaxconn a key; "
            "inspect either one profile or any number of keys",
        ),
    ],
)
def test_a_mixture_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        sort_out(arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("arguments", "format"),
    [
        ("inspect", Format.TABLE),
        ("inspect -f json", Format.JSON),
        ("inspect -fjson", Format.JSON),
        ("inspect -f=json", Format.JSON),
        ("inspect -qf json", Format.JSON),
        ("--format json inspect", Format.JSON),
        ("inspect --format=json", Format.JSON),
        ("inspect --format=json --format table", Format.TABLE),
        ("inspect -f", Format.TABLE),
        ("inspect -f xml", Format.TABLE),
        ("run p -- curl -f json", Format.TABLE),
        ("apply --no-probe json", Format.TABLE),
        ("apply --force json", Format.TABLE),
    ],
)
def test_the_format_is_found_in_a_line_that_cannot_be_parsed(
    arguments: str, format: Format
) -> None:
    assert asked_format(arguments.split()) is format


@pytest.mark.parametrize(
    ("text", "value"), [("10000", 10_000), ("10k", 10_000), ("1m", 1_000_000), (" 64KiB ", 65536)]
)
def test_numbers_take_units(text: str, value: int) -> None:
    assert number(text, option="--connections") == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "--connections: 0 is less than 1; write a larger number"),
        ("-5", "--connections: -5 is less than 1; write a larger number"),
        ("many", "--connections: 'many' is not a number; write an integer"),
        ("", "--connections: '' is not a number; write an integer"),
    ],
)
def test_a_text_that_is_no_number_is_refused_with_its_option(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        number(text, option="--connections")
    assert str(caught.value) == message


def test_sizes_are_a_list_in_which_auto_is_none() -> None:
    assert sizes("auto, 4k,64KiB", option="--sndbuf") == (None, 4000, 65536)


def test_a_size_that_no_socket_option_takes_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        sizes("2GiB", option="--sndbuf")
    assert str(caught.value) == (
        "--sndbuf: 2147483648 is more than 2147483647; write a smaller number"
    )
