"""Keys that can hurt need `allow` in the very profile that is asked for."""

from __future__ import annotations

import pytest

from tunekit.values import SysctlKey

ODD = "tunekit: 1\nsysctl:\n  kernel.odd: 5\n"
NOT_KNOWN = "not in the catalogue: its range and its dangers are not known"


def test_a_key_that_only_the_kernel_has_needs_allow(refused) -> None:
    (message,) = refused(ODD)

    assert message.startswith("p.yaml:3: kernel.odd: ")
    assert NOT_KNOWN in message
    assert message.endswith("; if you mean it, write 'allow: [kernel.odd]' in p.yaml")


def test_an_allowed_key_loads_and_is_named(loaded) -> None:
    profile = loaded(ODD + "allow: [kernel.odd]\n")

    assert profile.allow == {SysctlKey.parse("kernel.odd")}
    assert str(profile.settings[0].requirements[0]) == "5"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("5", "5"),
        ("5 6", "5 6"),
        ("[5, 6]", "5 6"),
        ("4KiB keep", "4096 keep"),
        ("some text", "some text"),
    ],
)
def test_the_type_of_a_key_that_only_the_kernel_has_is_guessed(loaded, value, shown) -> None:
    profile = loaded(f"tunekit: 1\nallow: kernel.odd\nsysctl: {{kernel.odd: {value}}}")

    assert str(profile.settings[0].requirements[0]) == shown


def test_a_number_of_an_unknown_key_is_not_misread_either(refused) -> None:
    assert refused("tunekit: 1\nallow: kernel.odd\nsysctl: {kernel.odd: 0x10}") == [
        "p.yaml:3: kernel.odd: 0x10 is hexadecimal; write 16"
    ]


def test_allow_is_not_inherited(refused, write) -> None:
    write("library/ground.yaml", ODD + "allow: [kernel.odd]\n")

    (message,) = refused("tunekit: 1\nextends: ground\n")

    assert message.startswith("library/ground.yaml:3: kernel.odd: ")
    assert message.endswith("; if you mean it, write 'allow: [kernel.odd]' in p.yaml")


def test_allow_of_the_child_serves_what_the_parent_sets(loaded, write) -> None:
    write("library/ground.yaml", ODD)

    profile = loaded("tunekit: 1\nextends: ground\nallow: kernel.odd\n")

    assert [str(setting.key) for setting in profile.settings] == ["kernel.odd"]


def test_a_value_under_the_floor_needs_allow(refused, loaded) -> None:
    text = "tunekit: 1\nsysctl:\n  net.core.somaxconn: 0\n"

    (message,) = refused(text)

    assert message.startswith("p.yaml:3: net.core.somaxconn: 0 is under 1")
    assert str(loaded(text + "allow: [net.core.somaxconn]\n").settings[0].requirements[0]) == "0"


def test_an_at_least_under_the_floor_lowers_nothing(loaded) -> None:
    assert loaded("tunekit: 1\nsysctl: {net.core.somaxconn: {at_least: 0}}").settings


def test_a_limit_under_its_floor_needs_allow(refused, loaded) -> None:
    text = "tunekit: 1\nlimits: {nofile: 10}\n"

    (message,) = refused(text)
    profile = loaded(text + "allow: [rlimit.nofile]\n")

    assert message.startswith("p.yaml:2: limits.nofile: 10 is under 64")
    assert message.endswith("; if you mean it, write 'allow: [rlimit.nofile]' in p.yaml")
    assert (profile.limits[0].name, profile.warnings) == ("nofile", ())


def test_allowing_a_key_that_is_not_there_is_an_error(refused) -> None:
    assert refused("tunekit: 1\nallow: [kernel.od]\n") == [
        "p.yaml:2: kernel.od: unknown key; neither the catalogue nor this kernel has it; remove it"
    ]


def test_allowing_what_is_not_set_is_a_warning(loaded) -> None:
    assert loaded("tunekit: 1\nallow: [kernel.odd]\n").warnings == (
        "p.yaml:2: kernel.odd: allowed, but not set",
    )
