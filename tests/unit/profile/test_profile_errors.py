"""What is wrong with a profile, all at once, each with its line and what to do."""

from __future__ import annotations

import pytest


def test_all_errors_of_a_file_and_its_parents_come_at_once_by_line(refused, write) -> None:
    write(
        "library/ground.yaml",
        "tunekit: 1\nsysctl:\n  net.core.rmem_max: 030\n  net.core.wmem_mx: 5\ncolour: red\n",
    )

    found = refused(
        "tunekit: 1\n"
        "extends: ground\n"
        "vars: {n: 5 //}\n"
        "sysctl:\n"
        "  net.core.somaxcon: 5\n"
        "  net.ipv4.tcp_rmem: [1, 2]\n"
        "  net.core.optmem_max: {at_lest: 5}\n"
        "limits: {nofil: 5}\n"
        "probe: {connections: 0}\n"
    )

    assert found == [
        "library/ground.yaml:3: net.core.rmem_max: 030 has a leading zero, which makes it octal "
        "for YAML and for the kernel; write 30, or 24 if octal was meant",
        "library/ground.yaml:4: net.core.wmem_mx: unknown key; did you mean net.core.wmem_max?",
        "library/ground.yaml:5: unknown field 'colour'; the fields are tunekit, name, summary, "
        "extends, vars, sysctl, limits, probe, waivers, allow",
        "p.yaml:3: vars.n: in '5 //', column 5: a number or a name is missing before the end",
        "p.yaml:5: net.core.somaxcon: unknown key; did you mean net.core.somaxconn?",
        "p.yaml:6: net.ipv4.tcp_rmem: takes 3 integers (min, default, max), not 2; "
        "write keep for a field that shall stay",
        "p.yaml:7: net.core.optmem_max: unknown field 'at_lest'; did you mean at_least?",
        "p.yaml:8: limits.nofil: unknown limit; did you mean nofile?",
        "p.yaml:9: probe.connections: 0 is not a number of connections; write 1 to 2147483584",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.yaml: an empty profile; begin with the line 'tunekit: 1'"),
        ("[]", "p.yaml:1: a profile is a mapping, not a list; begin with the line 'tunekit: 1'"),
        ("name: x", "p.yaml:1: the field 'tunekit' is missing; write 'tunekit: 1'"),
        (
            "tunekit: 2",
            "p.yaml:1: tunekit: profile format '2' is not known to this version of tunekit; "
            "write 'tunekit: 1', or use a newer tunekit",
        ),
        (
            "tunekit: 1\nsumary: x",
            "p.yaml:2: unknown field 'sumary'; did you mean summary?",
        ),
        (
            "tunekit: 1\nsysctl: 5",
            "p.yaml:2: sysctl: a mapping belongs here, not '5'; "
            "write one 'NAME: VALUE' a line, indented",
        ),
        (
            "tunekit: 1\nvars: [n]",
            "p.yaml:2: vars: a mapping belongs here, not a list; "
            "write one 'NAME: VALUE' a line, indented",
        ),
        ("tunekit: 1\nname: [x]", "p.yaml:2: name: one value belongs here, not a list"),
        ("tunekit: 1\nextends: []", "p.yaml:2: extends: an empty list; write at least one name"),
        ("tunekit: 1\n---\n", "p.yaml:2: a second YAML document; one file holds one profile"),
        (
            "tunekit: 1\n<<: {name: x}",
            "p.yaml:2: unknown field '<<'; the fields are tunekit, name, summary, "
            "extends, vars, sysctl, limits, probe, waivers, allow",
        ),
        (
            "tunekit: 1\nsysctl:\n\tfs.file-max: 5",
            "p.yaml:3: not valid YAML: found character that cannot start any token; "
            "indent with spaces, not with tabs",
        ),
        (
            "tunekit: 1\nsummary: a: b",
            "p.yaml:2: not valid YAML: mapping values are not allowed in this context; "
            "quote the text that holds a colon",
        ),
        (
            "tunekit: 1\nextends: [a, b\n",
            "p.yaml:2: not valid YAML: did not find expected ',' or ']'; "
            "check the brackets, quotes and indentation there",
        ),
    ],
)
def test_a_document_that_is_no_profile(refused, text: str, message: str) -> None:
    assert refused(text) == [message]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("{}", "nothing is wanted of it; add at_least, at_most, exactly or prefer"),
        ("[]", "an empty list; write one value a field"),
        ("[[1]]", "one value belongs here, not a list"),
        ("keep", "every field is kept, so nothing is wanted; remove the line"),
        ("{exactly: 5, at_most: 6}", "exactly cannot be combined with at_most; keep one of them"),
        (
            "{at_least: 6, at_most: 5}",
            "no value is both at least 6 and at most 5; lower the one or raise the other",
        ),
        (
            "{prefer: [5, 6]}",
            "prefer chooses between names, and this key has none; write exactly or at_least",
        ),
        ("64KiB", "counts connections, not bytes; write a plain number"),
        (
            "nope",
            "'nope' is not a variable; define it under vars, or use ram, cpus or page_size",
        ),
        ("cpu", "'cpu' is not a variable; did you mean cpus?"),
    ],
)
def test_a_statement_that_makes_no_sense(refused, statement: str, message: str) -> None:
    assert refused(f"tunekit: 1\nsysctl:\n  net.core.somaxconn: {statement}\n") == [
        f"p.yaml:3: net.core.somaxconn: {message}"
    ]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("net.core.somaxcon", "unknown key; did you mean net.core.somaxconn?"),
        (
            "somaxconn",
            "not a sysctl key: no dot and no slash in it; did you mean net.core.somaxconn?",
        ),
        (
            "qq.zz",
            "unknown key; neither the catalogue nor this kernel has it; remove it",
        ),
        (
            "net.ipv4.conf.*.rp_filter",
            "a pattern, not a key; name each key; "
            "net.ipv4.conf.all and .default stand for interfaces",
        ),
        ("rlimit.nofile", "a resource limit, not a sysctl; write nofile under limits"),
    ],
)
def test_a_key_that_is_not_there_is_an_error_even_when_optional(
    refused, key: str, message: str
) -> None:
    assert refused(f"tunekit: 1\nsysctl:\n  {key}: {{exactly: 5, optional: true}}\n") == [
        f"p.yaml:3: {key}: {message}"
    ]


def test_at_least_on_a_mode_is_an_error(refused) -> None:
    (message,) = refused("tunekit: 1\nsysctl: {net.ipv4.tcp_moderate_rcvbuf: {at_least: 1}}")

    assert message.startswith("p.yaml:2: net.ipv4.tcp_moderate_rcvbuf: ")
    assert message.endswith("write the value alone, without at_least or at_most")


def test_a_vector_in_one_line_holds_no_expressions(refused) -> None:
    assert refused("tunekit: 1\nsysctl:\n  net.ipv4.tcp_wmem: 4096 2 * 3 5\n") == [
        "p.yaml:3: net.ipv4.tcp_wmem: '4096 2 * 3 5' is not 3 numbers; "
        "write a list, one expression a field, such as [4096, 16KiB, 4 * size]"
    ]


def test_a_limit_that_is_always_a_number(refused) -> None:
    assert refused("tunekit: 1\nlimits: {nofile: unlimited}") == [
        "p.yaml:2: limits.nofile: this limit is always a number; write at most 2147483584"
    ]


def test_variables_that_need_each_other(refused) -> None:
    assert refused("tunekit: 1\nvars: {a: b, b: a}\nsysctl: {net.core.somaxconn: a}") == [
        "p.yaml:2: vars.a: defined by way of itself: a -> b -> a; give one of them a number"
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ram", "a name with a meaning of its own; call the variable something else"),
        ("on", "a name with a meaning of its own; call the variable something else"),
        (
            "a-b",
            "not a name for a variable; use letters, digits and _, beginning with a letter",
        ),
    ],
)
def test_a_name_that_no_variable_can_have(refused, name: str, message: str) -> None:
    assert refused(f"tunekit: 1\nvars: {{{name}: 5}}") == [f"p.yaml:2: vars.{name}: {message}"]


def test_set_of_a_variable_that_the_profile_has_not(refused) -> None:
    assert refused("tunekit: 1\nvars: {connections: 5}", {"connection": "1m"}) == [
        "--set connection: the profile has no such variable; did you mean connections?"
    ]


def test_set_to_what_is_no_number(refused) -> None:
    assert refused("tunekit: 1\nvars: {connections: 5}", {"connections": "1_000"}) == [
        "--set connections: 1_000 is grouped by underscores; write 1000"
    ]
