"""Writes the pages that are generated from the code and schemas/. ``--check`` only lists the pages that are not current."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent


def tables_page() -> str:
    """Every table and view with its columns, from schemas/."""
    from neurostore import schema
    from neurostore.sql import views

    lines = ["# Tables and views", "", "Generated from schemas/ by `make docs`; do not edit.", ""]
    for table in schema.tables().values():
        lines += [f"## {table.name}", "", f"One row is {table.row}. Key: {', '.join(table.key)}."]
        lines += [f"Partitioned by {', '.join(table.partition)}."] if table.partition else []
        lines += ["", "| column | type | unit | meaning |", "|---|---|---|---|"]
        lines += [f"| `{c.name}` | {c.type} | {c.unit} | {_range(c)} |" for c in table.columns]
        lines.append("")
    lines += ["## Thresholds of the views", "", "From queries/macros/thresholds.sql.", ""]
    lines += ["| name | value | meaning |", "|---|---|---|"]
    lines += [f"| `{name}` | {value:g} | {meaning} |" for name, (value, meaning) in views.thresholds().items()]
    lines.append("")
    for view in views.declared().values():
        lines += [f"## {view.name} (view)", "", f"One row is {view.row}.", ""]
        lines += ["| column | type | unit | sign | meaning | source |", "|---|---|---|---|---|---|"]
        lines += [f"| `{c.name}` | {c.type} | {c.unit} | {c.sign} | {c.meaning} | {c.source} |" for c in view.columns]
        lines.append("")
    return "\n".join(lines)


def _range(column) -> str:
    meaning = column.meaning
    if column.values:
        meaning += f" ({', '.join(column.values)})"
    if not column.nullable:
        meaning += "; never NULL"
    return meaning


def commands_page() -> str:
    """Every command's help, as the command line prints it."""
    import typer
    from typer.testing import CliRunner

    from neurostore.cli import command_line

    def names(command, path):
        yield path
        for name, sub in sorted(getattr(command, "commands", {}).items()):
            yield from names(sub, [*path, name])

    lines = ["# Commands", "", "Generated from the code by `make docs`; do not edit.", ""]
    program = command_line()
    for path in names(typer.main.get_command(program), []):
        result = CliRunner().invoke(program, [*path, "--help"], env={"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})
        title = " ".join(["neurostore", *path])
        text = "\n".join(line.rstrip() for line in result.output.strip().splitlines())
        lines += [f"## {title}", "", "```", text, "```", ""]
    return "\n".join(lines)


def pages() -> dict[str, str]:
    """File name -> text of every generated page."""
    from neurostore.ingest.video.models.page import page as models_page

    return {"tables.md": tables_page(), "commands.md": commands_page(), "MODEL_ARTIFACTS.md": models_page()}


if __name__ == "__main__":
    stale = [n for n, text in pages().items() if not (DOCS / n).exists() or (DOCS / n).read_text() != text]
    if "--check" in sys.argv:
        sys.exit(f"stale, run make docs: {', '.join(stale)}" if stale else 0)
    for name in stale:
        (DOCS / name).write_text(pages()[name])
        print(f"wrote docs/{name}")
