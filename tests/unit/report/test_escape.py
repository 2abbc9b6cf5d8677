"""Hostile text never reaches a terminal or breaks a document."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.reports import INSPECT, change
from tunekit.engine.model import Outcome
from tunekit.errors import ExitCode, ProfileError, UsageError
from tunekit.report import Format, render
from tunekit.report.escape import cell, visible, well_formed
from tunekit.report.model import KeyRow, ProfileSummary, Report

HOSTILE = "a\x1b[2J\x07\nb\u202etxt\u200d\udcff\x9b31m\u2028"
SHOWN = r"a\x1b[2J\x07\nb\u202etxt\u200d\xff\x9b31m\u2028"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, with punctuation!", "plain text, with punctuation!"),
        ("größer 大", "größer 大"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("one\ntwo\r\tthree", r"one\ntwo\r\tthree"),
        ("\u202eevil\u202c", r"\u202eevil\u202c"),
        ("\u2066isolate\u2069", r"\u2066isolate\u2069"),
        ("\udcff", r"\xff"),
        ("\U000e0041", r"\U000e0041"),
        (HOSTILE, SHOWN),
    ],
)
def test_what_does_not_print_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_fields_of_a_vector_are_separated_by_blanks() -> None:
    assert cell("4096\t131072\t6291456") == "4096 131072 6291456"


def test_a_long_value_is_cut_and_says_how_long_it_is() -> None:
    assert cell("1," * 4000) == "1," * 50 + "... (8000 characters)"


def test_lone_surrogates_become_escapes_for_json() -> None:
    assert well_formed("a\udcffb") == "a\\udcffb"


def hostile_report() -> Report:
    return Report(
        command="inspect",
        exit_code=ExitCode.NO,
        verdict=HOSTILE,
        next_step=HOSTILE,
        profile=ProfileSummary(name=HOSTILE, path=HOSTILE, variables={HOSTILE: 1}),
        changes=(
            change(
                HOSTILE,
                Outcome.PLANNED,
                before=HOSTILE,
                wanted=HOSTILE,
                requirement=HOSTILE,
                reason=HOSTILE,
                detail=HOSTILE,
                remedy=HOSTILE,
            ),
        ),
        keys=(KeyRow(key=HOSTILE, value=HOSTILE, unit=HOSTILE, meaning=HOSTILE),),
        errors=ProfileError([UsageError(HOSTILE, hint=HOSTILE)]).problems,  # type: ignore[arg-type]
        notes=(HOSTILE,),
    )


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_table_holds_nothing_that_a_terminal_obeys(width: int) -> None:
    text = render(hostile_report(), Format.TABLE, width=width, colour=False)

    assert all(line.isprintable() for line in text.splitlines())
    assert SHOWN in text.replace("\n", "").replace(" ", "")


def test_json_holds_hostile_text_as_it_is() -> None:
    text = render(hostile_report(), Format.JSON, width=80, colour=False)

    assert text.isascii()
    assert "\x1b" not in text
    document = json.loads(text)
    assert document["changes"][0]["before"] == HOSTILE.replace("\udcff", "\\udcff")


def test_colour_is_the_only_escape_sequence_and_says_nothing_that_words_do_not() -> None:
    coloured = render(INSPECT, Format.TABLE, width=80, colour=True)
    plain = render(INSPECT, Format.TABLE, width=80, colour=False)

    assert "\x1b[31mdiffers\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9]+m", "", coloured) == plain
