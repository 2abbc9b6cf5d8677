"""A profile as the documentation shows it, from file to value."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunekit.errors import Location
from tunekit.profile.model import Limit, Mode, ProbeWanted, Requirement, Setting
from tunekit.values import Ports, SysctlKey, Text

EXAMPLE = """\
tunekit: 1
name: many
summary: Hold tens of thousands of
  mostly idle TCP connections
extends: ground
vars:
  connections: 10k
  processes: 1
sysctl:
  fs.file-max:                     {at_least: 4 * connections + 65536, optional: true, reason: r, source: s}
  net.core.somaxconn:              {at_least: 65535, reason: a burst}
  net.ipv4.tcp_wmem:               {at_least: [4096, 16384, 4MiB]}
  net.ipv4.tcp_rmem:               {at_least: [keep, keep, 32MiB]}
limits:
  nofile: {at_least: connections // processes + 1024}
probe:
  connections: connections
"""  # noqa: E501
GROUND = """\
tunekit: 1
sysctl:
  net.core.somaxconn: {at_least: 4096}
  net.core.rmem_max: {at_least: 4MiB}
"""


def test_the_example_becomes_values_with_their_places(loaded, write) -> None:
    write("library/ground.yaml", GROUND)

    profile = loaded(EXAMPLE)

    assert (profile.name, profile.path) == ("many", "p.yaml")
    assert profile.summary == "Hold tens of thousands of mostly idle TCP connections"
    assert profile.parents == ("library/ground.yaml",)
    assert profile.variables == {"connections": 10_000, "processes": 1}
    assert profile.warnings == ()
    assert profile.settings == (
        _setting("net.core.somaxconn", (65535,), 11, reason="a burst"),
        _setting("net.core.rmem_max", (4 << 20,), 4, file="library/ground.yaml"),
        _setting("fs.file-max", (105536,), 10, reason="r", source="s", optional=True),
        _setting("net.ipv4.tcp_wmem", (4096, 16384, 4 << 20), 12),
        _setting("net.ipv4.tcp_rmem", (None, None, 32 << 20), 13),
    )
    assert profile.limits == (
        Limit(
            name="nofile",
            requirements=(Requirement(mode=Mode.AT_LEAST, wanted=(11_024, 11_024)),),
            location=Location(file="p.yaml", line=15),
        ),
    )
    assert profile.probe == ProbeWanted(
        connections=10_000, location=Location(file="p.yaml", line=17)
    )


def _setting(key: str, wanted: tuple[int | None, ...], line: int, **fields: object) -> Setting:
    location = Location(file=str(fields.pop("file", "p.yaml")), line=line)
    return Setting(
        key=SysctlKey.parse(key),
        requirements=(Requirement(mode=Mode.AT_LEAST, wanted=wanted),),
        location=location,
        **fields,
    )


def test_set_overrides_a_variable_everywhere(loaded) -> None:
    profile = loaded(
        "tunekit: 1\nvars: {n: 10k, double: 2 * n}\n"
        "sysctl: {net.core.somaxconn: double}\nprobe: {connections: n}",
        {"n": "1k + 1"},
    )

    assert profile.variables == {"n": 1001, "double": 2002}
    assert profile.settings[0].requirements[0].wanted == (2002,)
    assert profile.probe is not None
    assert profile.probe.connections == 1001


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("4096 16384 4194304", (4096, 16384, 4194304)),
        ("4KiB\t16KiB 4MiB", (4096, 16384, 4194304)),
        ("[4096, 4 * 4KiB, 4MiB]", (4096, 16384, 4194304)),
        ("keep keep 4MiB", (None, None, 4194304)),
        ("[page_size, '16384', \"max(1, 4MiB)\"]", (4096, 16384, 4194304)),
    ],
)
def test_a_vector_is_a_list_or_numbers_in_one_line(loaded, value: str, wanted: object) -> None:
    profile = loaded(f"tunekit: 1\nsysctl:\n  net.ipv4.tcp_wmem: {value}\n")

    assert profile.settings[0].requirements == (Requirement(mode=Mode.EXACTLY, wanted=wanted),)


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("net.ipv4.ip_local_reserved_ports", "9095,9093-9094", Ports(((9093, 9095),))),
        ("net.ipv4.ip_local_reserved_ports", "[9095, 9093-9094]", Ports(((9093, 9095),))),
        ("net.ipv4.ip_local_reserved_ports", "80, 82 ,81", Ports(((80, 82),))),
        ("net.ipv4.ip_local_reserved_ports", "''", Ports(())),
        ("net.ipv4.tcp_congestion_control", "bbr", Text("bbr")),
        ("net.ipv4.tcp_congestion_control", "on", Text("on")),
        ("net.ipv4.tcp_congestion_control", "030", Text("030")),
    ],
)
def test_a_text_is_read_by_the_type_of_its_key(loaded, key, value, wanted) -> None:
    profile = loaded(f"tunekit: 1\nsysctl:\n  {key}: {value}\n")

    assert profile.settings[0].requirements == (Requirement(mode=Mode.EXACTLY, wanted=wanted),)


def test_prefer_keeps_the_order_of_choice(loaded) -> None:
    profile = loaded(
        "tunekit: 1\nsysctl: {net.ipv4.tcp_congestion_control: {prefer: [bbr, cubic]}}"
    )

    assert profile.settings[0].prefer == ("bbr", "cubic")
    assert profile.settings[0].requirements == ()


def test_at_least_and_at_most_bind_together(loaded) -> None:
    profile = loaded(
        "tunekit: 1\nsysctl:\n  net.ipv4.tcp_rmem:\n"
        "    at_least: [keep, keep, 6MiB]\n    at_most: [keep, keep, 32MiB]\n"
    )

    assert profile.settings[0].requirements == (
        Requirement(mode=Mode.AT_LEAST, wanted=(None, None, 6 << 20)),
        Requirement(mode=Mode.AT_MOST, wanted=(None, None, 32 << 20)),
    )


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("4096", (4096, 4096)),
        ("[1024, 4096]", (1024, 4096)),
        ("[keep, 4096]", (None, 4096)),
        ("unlimited", (-1, -1)),
        ("[4096, unlimited]", (4096, -1)),
    ],
)
def test_a_limit_is_soft_and_hard(loaded, value: str, wanted: object) -> None:
    profile = loaded(f"tunekit: 1\nlimits: {{nproc: {{at_least: {value}}}}}")

    assert profile.limits[0].requirements == (Requirement(mode=Mode.AT_LEAST, wanted=wanted),)


def test_a_decimal_suffix_on_bytes_is_a_warning(loaded) -> None:
    profile = loaded(
        "tunekit: 1\nsysctl:\n  net.core.rmem_max: {at_least: 4m}\n"
        "  net.core.somaxconn: {at_least: 4k}\nlimits:\n  memlock: 64M\n"
    )

    assert profile.warnings == (
        "p.yaml:3: net.core.rmem_max: 4m is 4000000 bytes; write 4MiB for 4194304",
        "p.yaml:6: limits.memlock: 64M is 64000000 bytes; write 64MiB for 67108864",
    )


def test_a_file_without_a_name_is_called_after_itself(loaded) -> None:
    assert loaded("tunekit: 1\n").name == "p"


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(loaded) -> None:
    profile = loaded("\ufefftunekit: 1\r\nsysctl:\r\n  net.core.somaxconn: 9\r\n")

    assert profile.settings[0].location == Location(file="p.yaml", line=3)


def test_an_anchor_may_be_used_again(loaded) -> None:
    profile = loaded(
        "tunekit: 1\nsysctl:\n  net.core.rmem_max: &size {at_least: 8MiB}\n"
        "  net.core.wmem_max: *size\n"
    )

    assert [setting.requirements for setting in profile.settings] == [
        (Requirement(mode=Mode.AT_LEAST, wanted=(8 << 20,)),)
    ] * 2


def test_loading_opens_profile_files_and_nothing_else(write, facts, tmp_path: Path) -> None:
    # The kernel is asked only about a key that the catalogue does not know.
    from tunekit.profile import load

    asked = []
    write("p.yaml", "tunekit: 1\nallow: [kernel.odd]\nsysctl: {fs.file-max: 9k, kernel.odd: 1}")

    profile = load(
        "p.yaml", facts=facts, kernel_has=lambda key: not asked.append(str(key)), trust=True
    )

    assert set(asked) == {"kernel.odd"}
    assert profile.allow == {SysctlKey.parse("kernel.odd")}
