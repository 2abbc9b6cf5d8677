"""Inheritance: the later parent wins, the child replaces by key."""

from __future__ import annotations

import pytest

A, B, C = "net.core.somaxconn", "net.core.rmem_max", "net.core.wmem_max"


def wanted(profile: object) -> dict[str, str]:
    return {
        str(setting.key): " ".join(map(str, setting.requirements)) for setting in profile.settings
    }


def profile_text(head: str, **values: object) -> str:
    lines = "".join(f"  {key}: {value}\n" for key, value in values.items())
    return f"tunekit: 1\n{head}\nsysctl:\n{lines}"


def test_the_later_parent_wins_and_the_child_replaces_by_key(loaded, write) -> None:
    write("library/one.yaml", profile_text("", **{A: 11, B: 11_000, C: 11_000}))
    write("library/two.yaml", profile_text("", **{B: 22_000, C: "{at_least: 22000, reason: r}"}))

    profile = loaded(profile_text("extends: [one, two]", **{C: "{at_most: 33000}"}))

    assert wanted(profile) == {A: "11", B: "22000", C: "at most 33000"}
    assert [setting.reason for setting in profile.settings] == ["", "", ""]
    assert profile.parents == ("library/one.yaml", "library/two.yaml")


def test_expressions_of_a_parent_use_the_variables_of_the_child(loaded, write) -> None:
    write("library/one.yaml", profile_text("vars: {n: 5}", **{A: "2 * n"}))

    assert wanted(loaded("tunekit: 1\nextends: one\nvars: {n: 50}\n")) == {A: "100"}


def test_a_grandparent_that_two_parents_share_is_not_a_cycle(loaded, write) -> None:
    write("library/base.yaml", profile_text("", **{A: 1, B: 10_000}))
    write("library/one.yaml", profile_text("extends: base", **{A: 2}))
    write("library/two.yaml", profile_text("extends: base", **{B: 20_000}))

    profile = loaded("tunekit: 1\nextends: [two, one]\n")

    assert wanted(profile) == {A: "2", B: "10000"}
    assert profile.parents == ("library/two.yaml", "library/base.yaml", "library/one.yaml")


def test_a_path_is_relative_to_the_file_that_extends_it(loaded, write) -> None:
    write("deep/one.yaml", profile_text("extends: ../other/two.yaml", **{A: 1}))
    write("other/two.yaml", profile_text("", **{B: 10_000}))

    assert wanted(loaded("tunekit: 1\nextends: deep/one.yaml\n")) == {B: "10000", A: "1"}


def test_a_limit_and_the_probe_are_replaced_too(loaded, write) -> None:
    write("library/one.yaml", "tunekit: 1\nlimits: {nofile: 999}\nprobe: {connections: 5}")

    profile = loaded("tunekit: 1\nextends: one\nlimits: {nofile: 1999}\n")

    assert [str(each.requirements[0]) for each in profile.limits] == ["1999 1999"]
    assert profile.probe is not None
    assert str(profile.probe.location) == "library/one.yaml:3"


def test_a_cycle_is_an_error_that_shows_it(refused, write) -> None:
    write("library/one.yaml", "tunekit: 1\nextends: ../p.yaml\n")

    assert refused("tunekit: 1\nextends: one\n") == [
        "library/one.yaml:2: extends: a cycle: p.yaml -> library/one.yaml -> library/../p.yaml; "
        "remove one of these extends"
    ]


@pytest.mark.parametrize(
    ("extends", "message"),
    [
        ("grond", "grond: no such profile; did you mean ground?"),
        ("./grond", "grond: cannot be opened: no such file or directory; check the path"),
        ("/", "/: not a regular file; copy it into a file"),
    ],
)
def test_a_parent_that_cannot_be_read(refused, write, extends: str, message: str) -> None:
    write("library/ground.yaml", "tunekit: 1\n")

    # The variable may come from that parent, so it is not reported as well.
    assert refused(f"tunekit: 1\nextends: {extends}\nsysctl: {{{A}: n}}\n") == [
        f"p.yaml:2: extends: {message}"
    ]
