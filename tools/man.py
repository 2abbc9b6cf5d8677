"""Man pages from the command line's own help: `python -m tools.reference` writes them, too."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tools.reference import command_line, paragraph, title_of, usage_of

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "man"


def pages() -> dict[Path, str]:
    """Every man page, as path and text: one of the program, one a command."""
    group, context = command_line()
    found = {FOLDER / "tunekit.1": _overview(group)}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        summary = group.summaries[name]
        found[FOLDER / f"tunekit-{name}.1"] = _page(command, name, summary)
    return found


def _overview(group: Any) -> str:
    from tunekit.cli import app as cli

    lines = [
        *_head("tunekit", "tell whether a Linux host will carry its load, and make it so"),
        ".SH SYNOPSIS",
        f".B tunekit\n{_text('COMMAND [OPTIONS] [ARGUMENTS]')}",
        ".SH DESCRIPTION",
        _text(paragraph(group.help)),
        ".SH COMMANDS",
    ]
    for name, summary in group.summaries.items():
        lines += [".TP", f".BR tunekit\\-{_text(name)} (1)", _text(summary)]
    lines += [".SH EXIT STATUS", _text(paragraph(cli.EPILOG).removeprefix("Exit codes: "))]
    lines += [".SH FILES", ".TP", ".I /etc/tunekit/profiles", "profiles of this host"]
    lines += [".TP", ".I /var/lib/tunekit/journal.sqlite", "what was applied, for rollback"]
    return _joined(lines)


def _page(command: Any, name: str, summary: str) -> str:
    lines = [*_head(f"tunekit-{name}", summary), ".SH SYNOPSIS"]
    parts = list(_parts(command, name))
    for part, words in parts:
        lines += [f".B {_text(f'tunekit {words}')}", _text(usage_of(part)), ".br"]
    lines.pop()
    for part, words in parts:
        lines += [".SH DESCRIPTION"] if part is command else [f".SH {_text(words.upper())}"]
        lines += _described(part)
    others = [f"tunekit-{each}" for each in ("inspect", "apply", "verify") if each != name]
    lines.append(".SH SEE ALSO")
    lines += [f".BR {_text(each)} (1)," for each in others]
    lines.append(".BR tunekit (1)")
    return _joined(lines)


def _parts(command: Any, name: str) -> Iterator[tuple[Any, str]]:
    """A command, or the commands of a group after it."""
    yield command, name
    for part in getattr(command, "summaries", ()):
        yield command.get_command(None, part), f"{name} {part}"


def _described(command: Any) -> list[str]:
    lines: list[str] = []
    for index, block in enumerate(inspect.cleandoc(command.help).split("\n\n")):
        lines += [".PP"] if index else []
        lines.append(_text(paragraph(block)))
    for parameter in command.params:
        lines += [".TP", f".B {_text(title_of(parameter))}", _text(paragraph(parameter.help or ""))]
    examples, _, codes = (command.epilog or "").removeprefix("\b\n").partition("\n\n")
    if examples:
        lines += [".PP", "Examples:", ".PP", ".nf"]
        lines += [
            _text(line) for line in inspect.cleandoc(examples.partition("\n")[2]).splitlines()
        ]
        lines.append(".fi")
    if codes:
        lines += [".PP", _text(paragraph(codes))]
    return lines


def _head(name: str, summary: str) -> list[str]:
    return [
        '.\\" Made by `python -m tools.reference`: change the code, not this file.',
        f'.TH {_text(name.upper())} 1 "" tunekit',
        ".SH NAME",
        f"{_text(name)} \\- {_text(summary)}",
    ]


def _text(text: str) -> str:
    """A text for troff: nothing in it is a request or an escape, and a dash is one to copy."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return f"\\&{text}" if text.startswith(".") else text


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines if line)
