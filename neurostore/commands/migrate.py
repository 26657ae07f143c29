"""neurostore migrate"""

from __future__ import annotations

import typer

from neurostore.commands.help_sections import MAINTAIN
from neurostore.commands.options import LAKE, LakeOption


def register(app: typer.Typer) -> None:
    app.command(short_help="Update an older lake to the current schema.", rich_help_panel=MAINTAIN)(migrate)


def migrate(lake: LakeOption = LAKE) -> None:
    """Update a lake written by an older version to the current schema, and store its results (see refresh).

    Example: neurostore migrate --lake lake/
    """
    from neurostore.commands.output import say
    from neurostore.commands.refresh import renew
    from neurostore.upkeep.migrate import migrate as run

    changes = run(lake)
    for step in changes.done:
        say(step)
    say(f"schema version {changes.after}" + ("" if changes.done else ", as it was"))
    renew(lake)
