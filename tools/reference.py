"""Write the parts of the reference that come from the code: `python -m tools.reference`.

docs/reference/commands.md and the pages of docs/man come from the command line's own help,
docs/reference/report-schema.md from the JSON Schema that the package ships, and
docs/reference/profile.schema.json is what editors read. A test fails when one is out of date.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
_FROM_CODE = "<!-- Made by `python -m tools.reference`: change the code, not this file. -->"


def pages() -> dict[Path, str]:
    """Every generated page, as path and text."""
    from tools import man

    return {
        **man.pages(),
        REFERENCE / "commands.md": commands(),
        REFERENCE / "report-schema.md": report_schema(),
        REFERENCE / "profile.schema.json": profile_schema(),
    }


def command_line() -> tuple[Any, Any]:
    """The group of all commands, and a context to ask it in."""
    import typer

    from tunekit.cli import app as cli

    group = typer.main.get_command(cli.app)
    return group, group.make_context("tunekit", [], resilient_parsing=True)


def commands() -> str:
    """The command reference."""
    from tunekit.cli import app as cli

    group, context = command_line()
    names = group.list_commands(context)
    lines = [
        "# Commands",
        "",
        _FROM_CODE,
        "",
        "Results go to standard output, everything else to standard error. `NO_COLOR` is honoured.",
        "An argument that ends in `.yaml` or `.yml`, begins with `./` or `/`, or has no separator",
        "is a profile; anything else is a key or a glob.",
        "",
        *_table(("command", "does"), ((f"[{n}](#{n})", cli.COMMANDS[n]) for n in names)),
        "",
        f"`tunekit --version` shows the version, `--help` the help. {paragraph(cli.EPILOG)}",
    ]
    for name in names:
        command = group.get_command(context, name)
        lines += ["", *_command(command, name)]
        for part in getattr(command, "summaries", ()):
            lines += ["", *_command(command.get_command(context, part), f"{name} {part}")]
    return "\n".join(lines) + "\n"


def _command(command: Any, name: str) -> list[str]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    usage = f"tunekit {name} {usage_of(command)}"
    lines = [f"## {name}", "", "```", usage, "```", ""]
    lines += inspect.cleandoc(command.help).splitlines()
    rows = [(f"`{title_of(each)}`", _meaning(each)) for each in [*arguments, *options]]
    lines += ["", *_table(("argument or option", "meaning"), rows)]
    examples, _, codes = (command.epilog or "").removeprefix("\b\n").partition("\n\n")
    if examples:
        lines += ["", "```", *inspect.cleandoc(examples.partition("\n")[2]).splitlines(), "```"]
    if codes:
        lines += ["", paragraph(codes)]
    return lines


def usage_of(command: Any) -> str:
    """What follows a command's name."""
    if hasattr(command, "summaries"):
        return "COMMAND [ARGS]..."
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    return " ".join(["[OPTIONS]", *map(_metavar, arguments)])


# Typer's own rendering of a parameter differs from release to release, so it is not used.
def _metavar(parameter: Any) -> str:
    if parameter.metavar:
        return str(parameter.metavar)
    if isinstance(parameter.default, Enum):
        return "|".join(str(choice.value) for choice in type(parameter.default))
    return str(parameter.name).upper()


def title_of(parameter: Any) -> str:
    """The names of a parameter, with what it takes."""
    if parameter.param_type_name == "argument":
        return _metavar(parameter)
    names = ", ".join(sorted(parameter.opts, key=len))
    return names if parameter.is_flag else f"{names} {_metavar(parameter)}"


def _meaning(parameter: Any) -> str:
    text = paragraph(parameter.help or "")
    default = getattr(parameter.default, "value", parameter.default)
    return f"{text} [default: {default}]" if isinstance(default, str) and default else text


def profile_schema() -> str:
    """The JSON Schema of a profile, as `tunekit profile schema` prints it."""
    from tunekit.api.profiles import profile_schema as report

    return report().text


def report_schema() -> str:
    """The fields of a report."""
    text = (Path(__file__).resolve().parents[1] / "tunekit/report/schema.json").read_text("utf-8")
    schema = json.loads(text)
    lines = [
        "# Report schema",
        "",
        _FROM_CODE,
        "",
        "With `--format json` every command prints one document on standard output, whatever",
        "happens. The JSON Schema is in the package, as `tunekit/report/schema.json`.",
        "",
        schema["description"],
        "",
        "Values of keys are texts: 2^63-1 does not survive a reader that uses floating point.",
        "Measurements are numbers.",
        "",
        *_fields(schema),
    ]
    for name, part in schema["$defs"].items():
        lines += ["", f"## {name}", "", part.get("description", ""), "", *_fields(part)]
    return "\n".join(lines) + "\n"


def _fields(part: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, field in part.get("properties", {}).items():
        rows.append((f"`{name}`", _type(field), field.get("description", "")))
    return _table(("member", "type", "meaning"), rows)


def _type(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})"
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        return " or ".join(_type(each) for each in field["anyOf"])
    kind = field.get("type", "anything")
    if kind == "array":
        return f"array of {_type(field.get('items', {}))}"
    return kind if isinstance(kind, str) else " or ".join(kind)


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(heading), line("---" for _ in heading), *map(line, rows)]


def paragraph(text: str) -> str:
    """A text on one line."""
    return " ".join(text.split())


def main() -> None:
    """Write every page."""
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
