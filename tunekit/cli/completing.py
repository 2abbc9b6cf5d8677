"""What may be typed next: for the completion of a shell.

The candidates come from the commands' own signatures, so that a new option needs nothing here. The
shell's script (`tunekit completion`) calls `tunekit __complete INDEX WORD...`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from importlib import import_module
from typing import Any, get_args, get_type_hints

REQUEST = "__complete"
_HELP = ("--help", "-h")


def answer(arguments: Sequence[str]) -> str:
    """Answer the script of a shell: one candidate a line.

    `arguments` are the index of the word under the cursor and the words, the first of them the
    program's name. A request that is none gets nothing: a shell has no use for an error.
    """
    if not arguments or not arguments[0].isdecimal():
        return ""
    index, words = int(arguments[0]), list(arguments[1:])
    current = words[index] if index < len(words) else ""
    found = candidates(words[1:index], current)
    return "".join(f"{each}\n" for each in found)


def candidates(before: Sequence[str], current: str) -> list[str]:
    """The words that may stand where `current` is begun, after those before it."""
    from tunekit.cli.app import COMMANDS

    package, summaries, rest = "tunekit.cli", COMMANDS, list(before)
    path: list[str] = []
    while True:
        if not rest:
            options = _HELP if path else (*_HELP, "--version")
            return _matching([*summaries, *options], current)
        name = rest.pop(0)
        if name.startswith("-"):
            continue
        if name not in summaries:
            return []
        path.append(name)
        module = import_module(f"{package}.{name.replace('-', '_')}")
        if not hasattr(module, "COMMANDS"):
            break
        package, summaries = module.__name__, module.COMMANDS
    if "--" in rest:
        return []
    return _of_command(list(_parameters(module)), rest, current)


class _Parameter:
    """One parameter of a command, from its annotation."""

    def __init__(self, name: str, annotation: Any) -> None:
        self.kind, *extra = get_args(annotation)
        self.info = extra[0]
        self.name = name
        self.is_option = type(self.info).__name__ == "OptionInfo"
        # Inside Annotated, the first name stands where the default otherwise does.
        declared = (self.info.default, *(self.info.param_decls or ()))
        names = [each for each in declared if isinstance(each, str) and each.startswith("-")]
        self.names = names or [f"--{name.replace('_', '-')}"]
        self.is_flag = self.kind is bool

    def values(self) -> Iterable[str]:
        """The values that it is known to take."""
        kinds = [self.kind, *get_args(self.kind)]
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, Enum):
                return [str(each.value) for each in kind]
        metavar = str(self.info.metavar or self.name).upper()
        return [value for word, source in _SOURCES.items() if word in metavar for value in source()]


def _parameters(module: Any) -> Iterator[_Parameter]:
    (command,) = module.app.registered_commands
    hints = get_type_hints(command.callback, include_extras=True)
    for name, annotation in hints.items():
        if name != "return" and hasattr(annotation, "__metadata__"):
            yield _Parameter(name, annotation)


def _of_command(parameters: list[_Parameter], rest: Sequence[str], current: str) -> list[str]:
    options = {name: each for each in parameters if each.is_option for name in each.names}
    awaiting = options.get(rest[-1]) if rest else None
    if awaiting is not None and not awaiting.is_flag:
        return _matching(awaiting.values(), current)
    if current.startswith("--") and "=" in current:
        name, _, begun = current.partition("=")
        option = options.get(name)
        return [f"{name}={v}" for v in _matching(option.values(), begun)] if option else []
    if current.startswith("-"):
        return _matching([*options, *_HELP], current)
    arguments = [each for each in parameters if not each.is_option]
    return _matching((value for each in arguments for value in each.values()), current)


def _matching(words: Iterable[str], begun: str) -> list[str]:
    return sorted({word for word in words if word.startswith(begun)})


def _profiles() -> Iterable[str]:
    from tunekit.profile.find import names

    return names()


def _keys() -> Iterable[str]:
    from tunekit import catalog

    return (each.pattern for each in catalog.entries() if "*" not in each.pattern)


def _subjects() -> Iterable[str]:
    from tunekit.catalog.topics import TOPICS

    # A name of two words would be two words to the shell.
    return (name for topic in TOPICS for name in topic.names if " " not in name)


def _checks() -> Iterable[str]:
    from tunekit.check.registry import EVERY

    return (each.name for each in EVERY)


def _namespaces() -> Iterable[str]:
    from pathlib import Path

    try:
        return [each.name for each in Path("/run/netns").iterdir()]
    except OSError:
        return []


def _users() -> Iterable[str]:
    from pwd import getpwall

    return [each.pw_name for each in getpwall()]


# By a word of the metavar, which is what the help calls the value.
_SOURCES: Mapping[str, Callable[[], Iterable[str]]] = {
    "PROFILE": _profiles,
    "KEY": _keys,
    "SUBJECT": _subjects,
    "CHECK": _checks,
    "NAME|PID": _namespaces,
    "USER": _users,
}
