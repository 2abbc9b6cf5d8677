"""TuneD's files read as TuneD reads them: with Python's configparser."""

from __future__ import annotations

from configparser import ConfigParser
from configparser import Error as ConfigError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.files.tuned_conf import Broken, Option, OtherOption, Section, parse, sections, sysctls

HEADER = "of-a-file-without-one"
_WORDS = st.one_of(
    st.sampled_from(("[a]", "[b]", "  [a]", "[DEFAULT]", "[", "]", "=", " = ", "==", "#", " # x")),
    st.sampled_from(("a", "b", " a", "  a", "#x", "; y", " ; y", "x", "x y", '"x"', "\t", "\\")),
    st.sampled_from(("\x0b", "é", "%(a)s", "")),
)
_TEXTS = st.lists(st.lists(_WORDS, max_size=4).map("".join), max_size=8)
_ENDS = st.sampled_from(("\n", "\n", "\r\n", "\r"))


def by_configparser(text: str, *, bare_keys: bool) -> dict[str, dict[str, str]] | None:
    """What TuneD's reader makes of a text; None where it refuses it."""
    config = ConfigParser(
        delimiters="=", inline_comment_prefixes="#", allow_no_value=bare_keys, strict=False
    )
    config.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        # As a file is read, with the line ends of every system.
        config.read_string(text.replace("\r\n", "\n").replace("\r", "\n"))
    except (ConfigError, AttributeError):
        # The latter for a longer line below a key without a value.
        return None
    return {
        name: {key: config.get(name, key, raw=True) for key in config.options(name)}
        for name in config.sections()
    }


@given(lines=_TEXTS, end=_ENDS, bare_keys=st.booleans())
def test_a_text_says_what_configparser_finds_in_it(
    lines: list[str], end: str, bare_keys: bool
) -> None:
    text = end.join((f"[{HEADER}]", *lines)) + end
    expected = by_configparser(text, bare_keys=bare_keys)

    found = sections(parse(end.join(lines) + end, section=HEADER, bare_keys=bare_keys))

    if expected is None:
        assert found is None or bare_keys
    else:
        assert found is not None
        assert expected == {
            name: {key: each.value for key, each in options.items()}
            for name, options in found.items()
        }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[a]\nb = 1 # one\n", [Option(section="a", key="b", value="1", line=2)]),
        ("[a]\nb = 1\n  2\n\nc=\n", [("b", "1\n2", 2), ("c", "", 5)]),
        ("b=1\n[a]\nc\n", [Broken(line=1, text="b=1"), Broken(line=3, text="c")]),
    ],
)
def test_the_line_of_an_option_is_the_one_that_names_it(
    text: str, found: list[Option | Broken | tuple[str, str, int]]
) -> None:
    expected = [
        Option(section="a", key=each[0], value=each[1], line=each[2])
        if isinstance(each, tuple)
        else each
        for each in found
    ]
    assert [each for each in parse(text) if not isinstance(each, Section)] == expected


def test_what_sets_no_key_says_why() -> None:
    text = "[main]\nsummary=x\ninclude=y\n[off]\ntype=sysctl\nenabled=0\na.b=1\n[sysctl]\nnothing\n"
    text += "[arm]\ntype=sysctl\nuname_regex=aarch64\na.c=1\n"
    assert list(sysctls(text, "t.conf")) == [
        OtherOption(what="[main] include", line=3, why="a profile holds only sysctls"),
        OtherOption(what="[off] enabled", line=6, why="a profile holds only sysctls"),
        OtherOption(what="[off] a.b", line=7, why="the section is not enabled"),
        OtherOption(
            what="nothing", line=9, why="no option and value in it; TuneD refuses the whole file"
        ),
        OtherOption(what="[arm] uname_regex", line=12, why="a profile holds only sysctls"),
        OtherOption(
            what="[arm] a.c", line=13, why="the section is for machines of its uname_regex alone"
        ),
    ]
