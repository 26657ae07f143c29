"""neurostore compact, catalogue, export-lake"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurostore.commands.help_sections import MAINTAIN, TAKE_OUT
from neurostore.commands.options import LAKE, LakeOption, ReleaseOption, VersionOption


def register(app: typer.Typer) -> None:
    app.command(short_help="Merge small files and remove leftovers of crashes.", rich_help_panel=MAINTAIN)(compact)
    app.command(short_help="Write tables and views to a .duckdb file.", rich_help_panel=TAKE_OUT)(catalogue)
    app.command(
        "export-lake", short_help="Write the lake as plain, hive-partitioned Parquet.", rich_help_panel=TAKE_OUT
    )(export_lake)


def compact(
    lake: LakeOption = LAKE,
    vacuum: Annotated[
        bool, typer.Option("--vacuum", help="Also remove files that only older versions of the lake need.")
    ] = False,
    smaller: Annotated[
        bool, typer.Option("--smaller", help="Also store coordinates in a third less space; Spark cannot read them.")
    ] = False,
) -> None:
    """Merge small files and remove leftovers of crashes, so that queries stay fast.

    Example: neurostore compact --lake lake/ --vacuum
    """
    from neurostore.commands.output import say
    from neurostore.upkeep import compact as maintenance
    from neurostore.upkeep import vacuum as vacuums

    done = maintenance.compact(lake, smaller=smaller)
    say(f"version {done.version}: {done.n_files_before} data files became {done.n_files_after}")
    say(f"dropped {done.n_rows_dropped:,} rows that belong to no trial and {done.n_files_swept} stray files")
    if vacuum:
        gone = vacuums.vacuum(lake)
        say(f"removed {gone.n_files} old files, {gone.n_bytes / 1e6:.1f} MB; version {gone.oldest_version} on stay")


def catalogue(
    file: Annotated[Path, typer.Argument(help="The .duckdb file to write.")],
    lake: LakeOption = LAKE,
    delta_scan: Annotated[
        bool, typer.Option("--delta-scan", help="Read through DuckDB's delta extension instead of exact files.")
    ] = False,
    version: VersionOption = None,
    release: ReleaseOption = None,
) -> None:
    """Write the tables and views of this version of the lake into a .duckdb file for other clients.

    Example: neurostore catalogue lake.duckdb --lake lake/
    """
    from neurostore.commands.output import say
    from neurostore.lake import outputs
    from neurostore.upkeep.catalogue import catalogue_file

    with outputs.noting(lake, "catalogue", file):
        written = catalogue_file(lake, file, version, release=release, delta_scan=delta_scan)
    say(f"{lake} as {written}")


def export_lake(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    lake: LakeOption = LAKE,
    version: VersionOption = None,
    release: ReleaseOption = None,
) -> None:
    """Write this version of the lake as plain hive-partitioned Parquet, for tools that do not read Delta.

    Example: neurostore export-lake plain/ --lake lake/
    """
    from neurostore.commands.output import say
    from neurostore.lake import outputs
    from neurostore.upkeep.copies import export_lake as export

    with outputs.noting(lake, "export-lake", folder):
        written = export(lake, folder, version, release)
    say(f"{lake} in {written}")
