"""Reading the text of an option as what its annotation says, cheaply and in our own words.

Typer 0.29 does this with pydantic, whose import takes longer than a whole `tunekit inspect`. It
makes its converter when a parameter's first value comes, and keeps it; one of ours is put there
before. Where typer keeps it otherwise, its own converter is used: slower, and the same values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args, get_origin

import typer
from typer.core import TyperCommand

_KEPT_AS = "_runtime_param"


class Converter:
    """Turns the texts of one parameter into values of its annotation."""

    def __init__(self, annotation: Any, minimum: float | None) -> None:
        self._annotation = annotation
        self._minimum = minimum

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Convert one text or a sequence of them. Raises typer.BadParameter."""
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        try:
            if several:
                (item,) = get_args(self._annotation)
                return [self._read(text, item) for text in value]
            return self._read(value, self._annotation)
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx=ctx, param=param) from None

    def _read(self, text: Any, annotation: Any) -> Any:
        if not isinstance(text, str):
            # A default is what it should be already.
            return text
        if issubclass(annotation, Enum):
            return _member(text, annotation)
        if annotation in _NUMBERS:
            return self._number(text, annotation)
        return annotation(text)

    def _number(self, text: str, annotation: type) -> Any:
        try:
            number = annotation(text)
        except ValueError:
            raise ValueError(f"{text!r} is not {_NUMBERS[annotation]}") from None
        if not math.isfinite(number):
            raise ValueError(f"{text!r} is not {_NUMBERS[annotation]}")
        if self._minimum is not None and number < self._minimum:
            raise ValueError(f"{text} is less than {self._minimum}")
        return number


_NUMBERS: Mapping[type, str] = MappingProxyType({int: "an integer", float: "a number"})
_KNOWN = (bool, str, int, float, Path)


class Command(TyperCommand):
    """A command whose options are read by converters of ours."""

    def get_params(self, ctx: Any) -> Any:
        """The parameters, `--help` among them."""
        return convert_cheaply(super().get_params(ctx))


def convert_cheaply(params: Any) -> Any:
    """Give each parameter a converter of ours, if its annotation is one that we know."""
    for param in params:
        descriptor = getattr(param, "type_descriptor", None)
        if descriptor is None or not hasattr(param, _KEPT_AS):
            continue
        annotation = descriptor.annotation
        item = get_args(annotation)[0] if get_origin(annotation) is list else annotation
        if item in _KNOWN or (isinstance(item, type) and issubclass(item, Enum)):
            minimum = getattr(descriptor.parameter_info, "min", None)
            setattr(param, _KEPT_AS, Converter(annotation, minimum))
    return params


def _member(text: str, choices: type[Enum]) -> Enum:
    for choice in choices:
        if choice.value == text:
            return choice
    known = ", ".join(str(choice.value) for choice in choices)
    raise ValueError(f"{text!r} is none of {known}")
