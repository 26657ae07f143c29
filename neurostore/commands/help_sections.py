"""Sections of ``neurostore --help``: commands are grouped by what one wants to do."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from neurostore.commands.plain_values import spare_validators

START = "Start"
BRING_IN = "Bring recordings in"
LOOK = "Look at the data"
COMPARE = "Compare and publish"
TAKE_OUT = "Take data out"
MODELS = "Models of pose and body"
MAINTAIN = "Look after a lake"
SECTIONS = (START, BRING_IN, LOOK, COMPARE, TAKE_OUT, MODELS, MAINTAIN)


class SectionedHelp(TyperGroup):
    """Commands under the heading that they were registered with (``rich_help_panel``), as plain text without boxes."""

    def get_params(self, ctx: Any) -> Any:
        """The options of the program itself, which take plain values too."""
        parameters = super().get_params(ctx)
        spare_validators(parameters)
        return parameters

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, which takes plain values without typer's validators."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            spare_validators(command.get_params(ctx))  # with --help
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one list of commands per section; those without a section come last."""
        by_section: dict[str, list[Any]] = {section: [] for section in (*SECTIONS, "Commands")}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                by_section[getattr(command, "rich_help_panel", None) or "Commands"].append((name, command))
        longest = max(len(name) for rows in by_section.values() for name, _ in rows)
        limit = formatter.width - 6 - longest
        for section, rows in by_section.items():
            if rows:
                with formatter.section(section):
                    formatter.write_dl([(n.ljust(longest), c.get_short_help_str(limit)) for n, c in rows])
