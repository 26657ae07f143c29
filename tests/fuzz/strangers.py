"""Files that an erasure finds in a lake's folder and decodes, whoever wrote them: archives, tables, arrays, a database."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from neurostore.errors import InputError
from neurostore.upkeep.search import search
from neurostore.upkeep.traces import Traces

WHO = Traces("S2", names=frozenset({"Annegret"}), runs=frozenset({np.arange(3.0).tobytes()}))


def write(folder: Path) -> list[Path]:
    """One file of each kind that is decoded."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = pl.DataFrame(
        {"subject": ["S1", "S3"], "x": [1.5, 2.5], "point": [{"x": 1.0, "y": 2.0}, {"x": 3.0, "y": 4.0}]}
    )
    rows.write_parquet(folder / "rows.parquet")
    rows.write_ipc(folder / "rows.arrow", compression="zstd")
    text = rows.select("subject", "x").write_csv().encode()
    (folder / "rows.csv.gz").write_bytes(gzip.compress(text))
    np.save(folder / "rows.npy", np.arange(12.0).reshape(4, 3))
    with zipfile.ZipFile(folder / "rows.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", text)
        archive.write(folder / "rows.parquet", "rows.parquet")
    with tarfile.open(folder / "rows.tar", "w") as tar:
        member = tarfile.TarInfo("rows.csv")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    with duckdb.connect(str(folder / "rows.duckdb")) as connection:
        connection.sql("CREATE TABLE trials AS SELECT * FROM rows")
    return sorted(p for p in folder.iterdir() if p.is_file())


def take(path: Path) -> None:
    """Search one, as an erasure does; one whose contents cannot be decoded is named."""
    if search(path, WHO) == "may hold":
        raise InputError(path, "may hold the person")
