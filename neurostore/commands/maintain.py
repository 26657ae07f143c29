"""neurostore compact, catalogue, export-lake"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import LAKE, LakeOption


def register(app: typer.Typer) -> None:
    app.command()(compact)
    app.command()(catalogue)
    app.command("export-lake")(export_lake)


def compact(
    lake: LakeOption = LAKE,
    vacuum: Annotated[
        bool, typer.Option("--vacuum", help="Then remove what only older versions of the lake need.")
    ] = False,
) -> None:
    """Merge small files and sweep what a crash left behind, so that queries stay fast.

    Example: neurostore compact --lake lake/ --vacuum
    """
    from neurostore import maintenance

    from .output import say

    say(str(maintenance.compact(lake)))
    if vacuum:
        say(str(maintenance.vacuum(lake)))


def catalogue(
    file: Annotated[Path, typer.Argument(help="The .duckdb file to write.")],
    lake: LakeOption = LAKE,
    delta_scan: Annotated[
        bool, typer.Option("--delta-scan", help="Read through DuckDB's delta extension instead of exact files.")
    ] = False,
) -> None:
    """Write the tables and views of this version of the lake into a .duckdb file for other clients.

    Example: neurostore catalogue lake.duckdb --lake lake/
    """
    from neurostore import maintenance
    from neurostore.lake import open as open_lake

    from .output import say

    opened = open_lake(lake)
    maintenance.catalogue(opened, file, delta_scan=delta_scan)
    say(f"version {opened.version} of {opened.path} as {file}")


def export_lake(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    lake: LakeOption = LAKE,
) -> None:
    """Write this version of the lake as plain hive-partitioned Parquet, for tools that do not read Delta.

    Example: neurostore export-lake plain/ --lake lake/
    """
    from neurostore import maintenance
    from neurostore.lake import open as open_lake

    from .output import say

    opened = open_lake(lake)
    maintenance.export(opened, folder)
    say(f"version {opened.version} of {opened.path} in {folder}")
