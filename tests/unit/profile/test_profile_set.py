"""`--set NAME=VALUE`."""

from __future__ import annotations

import pytest

from tunekit.errors import UsageError
from tunekit.profile.variables import parse_assignments


def test_each_set_is_a_name_and_a_text() -> None:
    assert parse_assignments(["connections=1m", " n = 4 * ram "]) == {
        "connections": "1m",
        "n": "4 * ram",
    }


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            ["n"],
            "--set: 'n' does not set a variable; "
            "write --set NAME=VALUE, such as --set connections=10k",
        ),
        (
            ["=5"],
            "--set: '=5' does not set a variable; "
            "write --set NAME=VALUE, such as --set connections=10k",
        ),
        (
            ["n="],
            "--set: 'n=' does not set a variable; "
            "write --set NAME=VALUE, such as --set connections=10k",
        ),
        (["n=1", "n=2"], "--set: the variable 'n' is set twice; keep one of them"),
    ],
)
def test_what_sets_nothing_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_assignments(texts)

    assert str(caught.value) == message
