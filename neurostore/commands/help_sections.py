"""Sections of ``neurostore --help``: commands are grouped by what one wants to do."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

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
