"""Data classes of our own against those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, field
from typing import Any

import pytest

from tunekit.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """One of ours."""

    key: str
    secret: str = field(default="s", repr=False)
    seen: float = field(default=0.0, compare=False)
    notes: list[str] = field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    """The same of the standard library."""

    key: str
    secret: str = field(default="s", repr=False)
    seen: float = field(default=0.0, compare=False)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pair:
    """Given by position."""

    low: int
    high: int = 9


@dataclass(frozen=True, slots=True)
class Nothing:
    """Without a field."""


def test_it_shows_itself_as_the_standard_one_does() -> None:
    assert repr(Ours(key="a", notes=["n"])) == repr(Theirs(key="a", notes=["n"])).replace(
        "Theirs", "Ours"
    )
    assert repr(Nothing()) == "Nothing()"


def test_the_standard_library_takes_it_for_one_of_its_own() -> None:
    one = Ours(key="a")

    assert dataclasses.is_dataclass(Ours)
    assert [f.name for f in dataclasses.fields(one)] == ["key", "secret", "seen", "notes"]
    assert dataclasses.asdict(one) == dataclasses.asdict(Theirs(key="a"))
    assert dataclasses.replace(one, key="b") == Ours(key="b")
    assert not hasattr(one, "__dict__")


def test_equal_ones_are_equal_and_hash_alike() -> None:
    assert Pair(1) == Pair(1, 9) == Pair(low=1, high=9)
    assert hash(Pair(1)) == hash(Pair(1, high=9))
    assert Pair(1) != Pair(2)
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())
    assert Ours(key="a", seen=1.0) == Ours(key="a", seen=2.0)
    assert Ours(key="a") != Theirs(key="a")


def test_each_instance_has_a_default_of_its_own_from_a_factory() -> None:
    first, second = Ours(key="a"), Ours(key="a")
    first.notes.append("n")

    assert second.notes == []


def test_nothing_can_be_set_or_deleted() -> None:
    one: Any = Pair(1)

    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'low'"):
        one.low = 2
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'other'"):
        one.other = 2
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'low'"):
        del one.low


@pytest.mark.parametrize(
    ("cls", "args", "given", "message"),
    [
        (Pair, (), {}, "Pair lacks, or does not know: low"),
        (Pair, (1,), {"wide": 2}, "Pair lacks, or does not know: wide"),
        (Pair, (1, 2, 3), {}, "Pair takes 2 positional arguments"),
        (Pair, (1,), {"low": 2}, "Pair got an argument twice"),
        (Ours, ("a",), {}, "Ours takes 0 positional arguments"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    cls: Any, args: tuple[Any, ...], given: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        cls(*args, **given)


def test_it_can_be_pickled_and_copied() -> None:
    one = Ours(key="a", notes=["n"])

    assert pickle.loads(pickle.dumps(one)) == one
    assert copy.deepcopy(one) == one
    assert pickle.loads(pickle.dumps(Nothing())) == Nothing()


def test_it_can_be_matched_by_position() -> None:
    match Pair(1, 2):
        case Pair(low, high):
            assert (low, high) == (1, 2)
        case _:
            pytest.fail("no match")
