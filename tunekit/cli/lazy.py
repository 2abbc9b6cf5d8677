"""Groups whose commands are modules, imported when they are called."""

# Without `from __future__ import annotations`: typer would compile each of them anew.

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup

from tunekit.cli.coercion import convert_cheaply


class LazyGroup(TyperGroup):
    """A group whose commands are the modules of a package, imported when they are called.

    Each module named in `summaries` has an `app`.
    """

    package: ClassVar[str]
    summaries: ClassVar[Mapping[str, str]]

    def get_params(self, ctx: Any) -> Any:
        """The parameters before a command's name, `--help` among them."""
        return convert_cheaply(super().get_params(ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the help text."""
        return list(self.summaries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a command's module and make its `app` a command; None for an unknown name."""
        if cmd_name not in self.commands and cmd_name in self.summaries:
            module = import_module(f"{self.package}.{cmd_name.replace('-', '_')}")
            command = typer.main.get_command(module.app)
            command.name = cmd_name
            self.commands[cmd_name] = command
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is called, with a suggestion for a misspelt one."""
        if args[0] not in self.summaries and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.summaries, n=1)
            known = ", ".join(self.summaries)
            advice = f"did you mean {near[0]}?" if near else f"there are {known}"
            ctx.fail(f"no command {args[0]!r}; {advice}")
        return super().resolve_command(ctx, args)
