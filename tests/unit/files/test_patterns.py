"""Wildcards as glob(3) and fnmatch(3) take them; the C library itself is the judge."""

from __future__ import annotations

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.files.patterns import braces, fnmatch_matches, glob_matches

_PATHNAME_AND_PERIOD = 1 | 4
_libc = ctypes.CDLL(None)
_patterns = st.text(st.sampled_from("ab.*?[]!^-/z\\"), max_size=8)
_names = st.text(st.sampled_from("ab.z-]"), min_size=1, max_size=4)


@given(pattern=_patterns, parts=st.lists(_names, min_size=1, max_size=3))
def test_fnmatch_is_the_c_library_s(pattern: str, parts: list[str]) -> None:
    path = "/".join(parts)
    expected = _libc.fnmatch(pattern.encode(), path.encode(), 0) == 0
    assert fnmatch_matches(pattern, path) == expected


@given(pattern=st.text(st.sampled_from("ab.*?[]!^-z"), min_size=1, max_size=8), name=_names)
def test_a_component_of_a_glob_is_the_c_library_s(pattern: str, name: str) -> None:
    expected = _libc.fnmatch(pattern.encode(), name.encode(), _PATHNAME_AND_PERIOD) == 0
    assert glob_matches(pattern, name) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a{b,c}x", ["abx", "acx"]),
        ("{a,{b,c}}x", ["ax", "bx", "cx"]),
        ("a{,b}", ["a", "ab"]),
        ("a{}b{c,d}", ["a{}bc", "a{}bd"]),
        ("a{b", ["a{b"]),
        ("plain", ["plain"]),
    ],
)
def test_braces(pattern: str, expected: list[str]) -> None:
    assert braces(pattern) == expected
