"""Times and shares as they are typed."""

from __future__ import annotations

import pytest

from tunekit.cli.options import duration, share
from tunekit.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500us", 0.0005),
        ("500ms", 0.5),
        ("30s", 30.0),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("0.5", 0.5),
        ("90", 90.0),
    ],
)
def test_a_time_is_read_in_seconds(text: str, seconds: float) -> None:
    assert duration(text, option="--hold") == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "3x", "1e3", "nan", "1 s", "٣s"])
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        duration(text, option="--hold")
    assert str(caught.value) == (
        f"--hold: {text!r} is not a time; write 500us, 20ms, 30s, 2m or 1h"
    )


@pytest.mark.parametrize(("text", "value"), [("1%", 0.01), ("0.25", 0.25), ("100%", 1.0)])
def test_a_share_is_read_as_a_part(text: str, value: float) -> None:
    assert share(text, option="--active") == value


@pytest.mark.parametrize("text", ["0", "0%", "101%", "2", "-1%", "half"])
def test_what_is_no_share_is_said(text: str) -> None:
    with pytest.raises(UsageError, match="is not a part of the whole"):
        share(text, option="--active")
