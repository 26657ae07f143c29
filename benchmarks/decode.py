"""How fast motion text becomes numbers, and files become poses, beside polars, pyarrow and numpy.

Run: python benchmarks/decode.py [FOLDER …] [--repeat 3]. Prints a table: MB of text per second (best of the repeats),
by wall clock and by processor time, and the ratio to polars by wall clock. `decode` rows parse the same numbers; `read`
rows do all that the reader does (header, forward kinematics, T-pose, neutral pose), one core.
"""

from __future__ import annotations

import argparse
import io
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.csv

from neurostore.ingest import readers
from neurostore.ingest.readers.trees import numbers


def numbers_of(files: list[Path]) -> list[bytes]:
    """The motion rows of BVH files with the same number of columns, one text per file."""
    found = []
    for file in files:
        motion = file.read_bytes().partition(b"MOTION")[2]
        found.append(motion.split(b"\n", 3)[3].replace(b" \n", b"\n"))  # a last blank would be a column to polars
    widths = [len(piece.split(b"\n", 1)[0].split()) for piece in found]
    return [piece for piece, width in zip(found, widths, strict=True) if width == widths[0]]


def ours(piece: bytes, width: int) -> int:
    return sum(len(block) for block in numbers.rows(io.BytesIO(piece), Path("motion"), width, 1))


def by_polars(piece: bytes, width: int) -> int:
    schema = {f"c{k}": pl.Float64 for k in range(width)}
    return pl.read_csv(piece, has_header=False, separator=" ", schema=schema).height


def by_pyarrow(piece: bytes, width: int) -> int:
    options = pyarrow.csv.ReadOptions(column_names=[f"c{k}" for k in range(width)])
    return pyarrow.csv.read_csv(io.BytesIO(piece), options, pyarrow.csv.ParseOptions(delimiter=" ")).num_rows


def by_numpy(piece: bytes, width: int) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return len(np.fromstring(piece.decode("ascii"), sep=" ")) // width


def best(run: Callable[[], object], repeat: int) -> tuple[float, float]:
    """(wall-clock seconds, processor seconds) of the fastest run."""
    found = []
    for _ in range(repeat):
        clock, processor = time.perf_counter(), time.process_time()
        run()
        found.append((time.perf_counter() - clock, time.process_time() - processor))
    return min(found)


def measure(folder: Path, repeat: int) -> None:
    files = sorted(folder.rglob("*.bvh"))
    pieces = numbers_of(files)
    width = len(pieces[0].split(b"\n", 1)[0].split())
    whole = b"".join(pieces)
    size, on_disk = len(whole) / 1e6, sum(f.stat().st_size for f in files) / 1e6
    rows = {f(whole, width) for f in (ours, by_polars, by_pyarrow, by_numpy)}
    if len(rows) != 1:
        raise SystemExit(f"the decoders do not agree on the number of rows: {rows}")
    readers.read(files[0])
    timed = [
        ("decode, polars, one piece", size, lambda: by_polars(whole, width)),
        ("decode, polars, file by file", size, lambda: [by_polars(p, width) for p in pieces]),
        ("decode, pyarrow, one piece", size, lambda: by_pyarrow(whole, width)),
        ("decode, numpy.fromstring", size, lambda: by_numpy(whole, width)),
        ("decode, ours, one piece", size, lambda: ours(whole, width)),
        ("decode, ours, file by file", size, lambda: [ours(p, width) for p in pieces]),
        ("read, ours, file by file", on_disk, lambda: [readers.read(f) for f in files]),
    ]
    print(f"{folder}: {len(files)} files, {on_disk:.1f} MB, {width} numbers a row")
    print(f"{'':30s} {'MB/s':>8s} {'MB/s cpu':>9s} {'of polars':>9s}")
    polars_rate = None
    for name, megabytes, run in timed:
        clock, processor = best(run, repeat)
        polars_rate = polars_rate or megabytes / clock
        rate = megabytes / clock
        print(f"{name:30s} {rate:8.0f} {megabytes / processor:9.0f} {rate / polars_rate:9.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, default=[Path("../shared/data/cmu")])
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    for folder in arguments.folders:
        measure(folder, arguments.repeat)


if __name__ == "__main__":
    main()
