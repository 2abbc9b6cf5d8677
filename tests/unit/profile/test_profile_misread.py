"""What YAML or the kernel would read as something else is refused, and told how to write."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "030",
            "030 has a leading zero, which makes it octal for YAML and for the kernel; "
            "write 30, or 24 if octal was meant",
        ),
        (
            "'030'",
            "030 has a leading zero, which makes it octal for YAML and for the kernel; "
            "write 30, or 24 if octal was meant",
        ),
        ("08", "08 has a leading zero; write 8"),
        (
            "12:30:45",
            "12:30:45 is 45045 for YAML, which counts it in sixties; write 45045 if that was meant",
        ),
        ("on", "on is not a number; write 1"),
        ("Yes", "Yes is not a number; write 1"),
        ("no", "no is not a number; write 0"),
        ("true", "true is not a number; write 1"),
        ("1_000", "1_000 is grouped by underscores; write 1000"),
        ("0o30", "0o30 is octal; write 24"),
        ("0x10", "0x10 is hexadecimal; write 16"),
        ("0b11", "0b11 is binary; write 3"),
        ("1e5", "1e5 is a floating-point number; write 100000"),
        ("1.5", "1.5 is a floating-point number; write an integer"),
        ("1.5e3", "1.5e3 is a floating-point number; write 1500"),
        ("10kb", "10kb: the unit 'kb' is not known; write 10k for 10000 or 10KiB for 10240"),
        ("4Q", "4Q: the unit 'Q' is not known; write k, m, g, KiB, MiB or GiB"),
        (
            "+5",
            "in '+5', column 1: a number or a name is missing before '+'; "
            "write the number without a sign",
        ),
        ("", "no value; write one, or remove the line"),
        ("~", "no value; write one, or remove the line"),
        ("!!int 3", None),
        ("1 2", "takes an integer, not 2; write one number"),
    ],
)
def test_a_number_that_is_not_what_it_seems(refused, value: str, message: str | None) -> None:
    found = refused(f"tunekit: 1\nsysctl:\n  net.core.somaxconn: {value}\n")

    if message is None:
        message = (
            "a YAML tag (tag:yaml.org,2002:int); remove it; a value is read by the type of its key"
        )
        assert found == [f"p.yaml:3: {message}"]
    else:
        assert found == [f"p.yaml:3: net.core.somaxconn: {message}"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "80 81",
            "'80 81' is not a port or a range of ports; "
            "write a list such as 8080,9000-9100 without blanks",
        ),
        ("80,030-40", "030 has a leading zero, which makes it octal for the kernel; write 30"),
        ("90-80", "'90-80' is not a range within 0-65535; write the lower port first"),
        (
            "12:30:45",
            "'12:30:45' is not a port or a range of ports; "
            "write a list such as 8080,9000-9100 without blanks",
        ),
    ],
)
def test_a_list_of_ports_that_is_not_what_it_seems(refused, value: str, message: str) -> None:
    key = "net.ipv4.ip_local_reserved_ports"

    assert refused(f"tunekit: 1\nsysctl:\n  {key}: {value}\n") == [f"p.yaml:3: {key}: {message}"]


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        ("{at_least: max(a, b)}", "max(a, b)"),
        ("{at_least: max(a, min(b, 3)), optional: true}", "max(a, min(b, 3))"),
        ("[max(a, b)]", "max(a, b)"),
        ("{reason: slow, really slow, exactly: 5}", "slow, really slow"),
        ("{exactly: 9093,9095}", "9093, 9095"),
    ],
)
def test_a_text_that_a_comma_breaks_is_to_be_quoted(refused, value: str, whole: str) -> None:
    found = refused(f"tunekit: 1\nvars: {{a: 1, b: 2}}\nsysctl:\n  net.core.somaxconn: {value}\n")

    assert found == [
        f"p.yaml:4: net.core.somaxconn: YAML breaks '{whole}' apart at its comma; "
        f'quote it: "{whole}"'
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sysctl: {net.core.somaxconn: max(1, 2)}", "net.core.somaxconn"),
        ("vars: {most: max(1, 2)}\nprobe: {connections: most}", "most"),
        ("probe: {connections: max(1, 2)}", "probe"),
    ],
)
def test_a_comma_breaks_a_text_in_every_section(refused, text: str, expected: str) -> None:
    assert refused(f"tunekit: 1\n{text}") == [
        f"p.yaml:2: {expected}: YAML breaks 'max(1, 2)' apart at its comma; quote it: \"max(1, 2)\""
    ]


def test_a_quoted_function_is_read(loaded) -> None:
    profile = loaded('tunekit: 1\nsysctl: {net.core.somaxconn: {at_least: "max(3, 5)"}}')

    assert profile.settings[0].requirements[0].wanted == (5,)


@pytest.mark.parametrize(
    ("flag", "meant"),
    [("on", "true"), ("yes", "true"), ("Off", "false"), ("perhaps", "true or false")],
)
def test_a_flag_is_true_or_false(refused, flag: str, meant: str) -> None:
    found = refused(f"tunekit: 1\nsysctl: {{net.core.somaxconn: {{exactly: 9, optional: {flag}}}}}")

    assert found == [
        f"p.yaml:2: net.core.somaxconn: optional: '{flag}' is not a flag; write {meant}"
    ]


@pytest.mark.parametrize(("second", "key"), [("net.core.somaxconn", 9), ("net/core/somaxconn", 9)])
def test_a_key_given_twice_is_named_with_both_lines(refused, second: str, key: int) -> None:
    found = refused(f"tunekit: 1\nsysctl:\n  net.core.somaxconn: 5\n  {second}: {key}\n")

    assert found == [f"p.yaml:4: {second}: given twice, first in line 3; keep one of them"]
