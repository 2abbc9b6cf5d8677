"""Frozen data classes that cost little to make.

The standard library's `dataclass` compiles six methods for each class when its module is imported.
With Python 3.11 that is 0.8 ms a class, and the fifty that an `inspect` imports were a fifth of its
time. Here the standard library finds the fields only; the methods are written once, for whatever
fields there are. To `dataclasses.fields`, `replace` and `asdict`, and to mypy, nothing differs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(
        *, frozen: Literal[True], slots: Literal[True], kw_only: bool = False
    ) -> Callable[[type[T]], type[T]]:
        """Make a class a frozen data class with slots; the arguments are for the reader.

        Without inheritance, `__post_init__`, `InitVar` and methods of the class's own in place of
        those made here: what needs one of them takes the standard library's.
        """

        def make(cls: type[T]) -> type[T]:
            made = dataclasses.dataclass(
                init=False, repr=False, eq=False, slots=slots, kw_only=kw_only
            )(cls)
            for method in _methods(dataclasses.fields(made), positional=not kw_only):
                setattr(made, method.__name__, method)
            return made

        return make


# What __setattr__ refuses, done all the same: by __init__ and when unpickling.
_put = object.__setattr__


def _methods(
    fields: tuple[dataclasses.Field[Any], ...], *, positional: bool
) -> tuple[Callable[..., Any], ...]:
    names = tuple(field.name for field in fields)
    compared = [field.name for field in fields if field.compare]
    values_of = attrgetter(*compared) if compared else lambda _: ()
    shown = [field.name for field in fields if field.repr]
    defaults = {f.name: f.default for f in fields if f.default is not dataclasses.MISSING}
    factories = {
        f.name: f.default_factory for f in fields if f.default_factory is not dataclasses.MISSING
    }
    at_most = len(names) if positional else 0

    def __init__(self: Any, /, *args: Any, **given: Any) -> None:
        if args:
            if len(args) > at_most:
                raise TypeError(f"{_name(self)} takes {at_most} positional arguments")
            by_position = dict(zip(names, args, strict=False))
            if by_position.keys() & given.keys():
                raise TypeError(f"{_name(self)} got an argument twice")
            given |= by_position
        values = {**defaults, **given}
        for name, make in factories.items():
            if name not in values:
                values[name] = make()
        if values.keys() != set(names):
            wrong = ", ".join(sorted(values.keys() ^ set(names)))
            raise TypeError(f"{_name(self)} lacks, or does not know: {wrong}")
        for name, value in values.items():
            _put(self, name, value)

    def __repr__(self: Any) -> str:
        return f"{_name(self)}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def __eq__(self: Any, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return values_of(self) == values_of(other)

    def __hash__(self: Any) -> int:
        return hash(values_of(self))

    return __init__, __repr__, __eq__, __hash__, __setattr__, __delattr__, __setstate__


def __setattr__(self: Any, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def __delattr__(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def __setstate__(self: Any, state: tuple[None, dict[str, Any]]) -> None:
    # Of an object with slots only, object.__getstate__() gives (None, the slots).
    for name, value in state[1].items():
        _put(self, name, value)


def _name(instance: object) -> str:
    return instance.__class__.__qualname__
