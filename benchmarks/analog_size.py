"""Size of the analog channels in a lake against their size in the C3D files: ``python benchmarks/analog_size.py FOLDER``.

FOLDER holds C3D files in folders by subject; it is ingested into a temporary lake. Prints a line per subject: bytes of
the samples in the files (float32 or int16, as stored), bytes of the lake's files of the table ``analog``, and their
ratio.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

import ezc3d

import neurostore
from neurostore.ingest.pipeline import ingest


def bytes_of_files(lake: neurostore.Lake, folder: Path) -> Counter[str]:
    """Subject → bytes of the analog samples in its C3D files."""
    found: Counter[str] = Counter()
    for subject, source in lake.sql("SELECT subject, source_path FROM trials").iter_rows():
        path = folder / source
        content = ezc3d.c3d(str(path))
        is_integer = content["parameters"]["POINT"]["SCALE"]["value"][0] > 0
        found[subject] += content["data"]["analogs"].size * (2 if is_integer else 4)
    return found


def bytes_of_lake(root: Path) -> Counter[str]:
    """Subject → bytes of its files of the table analog."""
    found: Counter[str] = Counter()
    for file in (root / "analog").rglob("*.parquet"):
        found[file.parent.name.removeprefix("subject=")] += file.stat().st_size
    return found


def main(folder: Path) -> None:
    """Ingest and print."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "lake"
        ingest(folder, root)
        stored, given = bytes_of_lake(root), bytes_of_files(neurostore.open(root), folder)
        for subject in sorted(given):
            if given[subject]:
                ratio = stored[subject] / given[subject]
                print(f"{subject}: {given[subject]} bytes in files, {stored[subject]} in the lake, ratio {ratio:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
