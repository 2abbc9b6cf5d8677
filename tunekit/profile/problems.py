"""Collecting what is wrong, so that one run reports all of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from tunekit.errors import Location, ProfileError, TunekitError, UsageError

# Control characters, the line breaks that only YAML 1.1 knows, lone surrogates, and the marks
# that reorder or hide text on a terminal. Tab and line feed are white space.
UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
_LONGEST_SHOWN = 60
_MANY = 50
_MOST_CHOICES = 500


def shown(text: str) -> str:
    """A text of the user's for use inside a message: short, on one line, printable."""
    if len(text) > _LONGEST_SHOWN:
        text = text[: _LONGEST_SHOWN - 3] + "..."
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


class Problems:
    """The errors and warnings found so far in a profile and its parents.

    `broken` tells that a file, or the definition of a variable, could not be read, so that what
    seems to be missing may stand there.
    """

    def __init__(self) -> None:
        self.broken = False
        self._errors: list[TunekitError] = []
        self._warnings: list[tuple[tuple[str, int], str]] = []

    def __len__(self) -> int:
        return len(self._errors)

    def add(
        self,
        message: str,
        *,
        hint: str = "",
        key: str = "",
        location: Location | None = None,
        path: str = "",
    ) -> None:
        """Note one error."""
        self._errors.append(
            UsageError(message, hint=hint, key=shown(key), location=location, path=path)
        )

    @property
    def many(self) -> bool:
        """Tell whether so much is wrong that looking for near names is no longer worth its time."""
        return len(self._errors) >= _MANY

    def nearest(self, text: str, choices: Iterable[str]) -> str:
        """The choice that was probably meant, as a hint; empty when none is near, or after many."""
        return "" if self.many else nearest(text, choices)

    def warn(self, message: str, *, hint: str = "", key: str, location: Location) -> None:
        """Note a remark that stops nothing."""
        text = str(UsageError(message, hint=hint, key=shown(key), location=location))
        self._warnings.append(((location.file, location.line), text))

    @property
    def errors(self) -> tuple[TunekitError, ...]:
        """Every error once, by file and line; those without a line come first."""
        unique = {str(error): error for error in self._errors}
        return tuple(sorted(unique.values(), key=_place))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Every warning once, by file and line."""
        return tuple(dict.fromkeys(text for _, text in sorted(self._warnings)))

    def raise_if_any(self) -> None:
        """Raise one ProfileError that holds every error, if there is one."""
        if self._errors:
            raise ProfileError(self.errors)


def _place(error: TunekitError) -> tuple[str, int]:
    if error.location:
        return error.location.file, error.location.line
    return error.path, 0


def nearest(text: str, choices: Iterable[str]) -> str:
    """The choice that was probably meant, as a hint; empty when none is near."""
    from difflib import get_close_matches

    found = get_close_matches(
        text[:_LONGEST_SHOWN], islice(choices, _MOST_CHOICES), n=1, cutoff=0.6
    )
    return f"did you mean {found[0]}?" if found else ""
