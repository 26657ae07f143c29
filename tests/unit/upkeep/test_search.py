"""A person is found in decoded contents; a short key is not found by chance."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import tarfile
import unicodedata
import zipfile

import duckdb
import numpy as np
import openpyxl
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neurostore.upkeep.coordinates import Coordinates
from neurostore.upkeep.search import search
from neurostore.upkeep.traces import Traces

NOISE = np.random.default_rng(0)


@pytest.mark.parametrize("key", ["1", "10", "S2", "P0107"])
def test_random_numbers_and_bytes_hold_nobody(tmp_path, key):
    np.save(tmp_path / "numbers.npy", NOISE.normal(size=100_000))
    pl.DataFrame({"x": NOISE.normal(size=50_000), "n": range(50_000)}).write_parquet(tmp_path / "numbers.parquet")
    (tmp_path / "sealed").write_bytes(b"\x00" + NOISE.bytes(300_000))
    assert search(tmp_path / "numbers.npy", Traces(key)) == "holds nothing"
    assert search(tmp_path / "numbers.parquet", Traces(key)) == "holds nothing"
    assert search(tmp_path / "sealed", Traces(key)) == "may hold"  # nobody can tell


@pytest.mark.parametrize(
    ("key", "text", "answer"),
    [
        ("1", "version 1", "may hold"),
        ("1", "subject=1/walk.bvh", "holds"),
        ("1", '{"participant_id": "1"}', "holds"),
        ("1", "1/walk/left", "holds"),
        ("1", "subject=10/walk.bvh", "holds nothing"),
        ("10", "sub-10_task-walk", "holds"),
        ("10", "10 frames", "may hold"),
        ("S2", "S2 walks", "holds"),
        ("S2", "S20 walks", "holds nothing"),
        ("004217", "admitted as 004217", "holds"),
    ],
)
def test_a_number_as_a_key_counts_where_keys_are(tmp_path, key, text, answer):
    (tmp_path / "notes.txt").write_text(text)
    assert search(tmp_path / "notes.txt", Traces(key)) == answer


def test_keys_that_were_stored_as_numbers_are_found(tmp_path):
    pl.DataFrame({"subject": [1, 10], "n": [3, 2]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"subject_a": [1.0, None], "n": [3, 2]}).write_parquet(tmp_path / "b.parquet")
    assert [search(tmp_path / "a.parquet", Traces(k)) for k in ("1", "01", "10", "2")] == [
        *["holds"] * 3,
        "holds nothing",
    ]
    assert search(tmp_path / "b.parquet", Traces("1")) == "holds"
    assert search(tmp_path / "b.parquet", Traces("3")) == "holds nothing"


def test_arrays_of_names_are_decoded(tmp_path):
    np.save(tmp_path / "names.npy", np.array(["S2", "S9"]))
    np.save(tmp_path / "rows.npy", np.array([("S2", 1.5)], dtype=[("subject", "S4"), ("x", "f8")]))
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    for name in ("names.npy", "rows.npy"):
        assert search(tmp_path / name, Traces("S2")) == "holds"
        assert search(tmp_path / name, Traces("S3")) == "holds nothing"
    assert search(tmp_path / "objects.npy", Traces("S3")) == "may hold"


def test_the_tables_and_views_of_a_database_are_read(tmp_path):
    rows = [f"P{i:04d}" for i in range(100, 300)]
    for name, said in (("tables", rows), ("others", [k for k in rows if k != "P0107"])):
        with duckdb.connect(str(tmp_path / name)) as connection:
            connection.execute("CREATE TABLE t AS SELECT unnest($rows) AS subject, 7 AS n", {"rows": said})
    with duckdb.connect(str(tmp_path / "views")) as connection:
        connection.execute("CREATE VIEW v AS SELECT 'lake/landmarks/subject=P0107/x.parquet' AS file")
    with duckdb.connect(str(tmp_path / "deleted")) as connection:
        connection.execute("CREATE TABLE t AS SELECT 'P0107' AS subject, range AS n FROM range(500000)")
        connection.execute("CHECKPOINT")
        connection.execute("DROP TABLE t")
        connection.execute("CHECKPOINT")
    (tmp_path / "broken").write_bytes(b"\x00" * 8 + b"DUCK" + NOISE.bytes(5000))
    before = (tmp_path / "tables").read_bytes()
    answers = {p.name: search(p, Traces("P0107")) for p in sorted(tmp_path.iterdir())}
    assert answers == {
        "broken": "may hold",
        "deleted": "may hold",  # the rows are in blocks that are free
        "others": "holds nothing",
        "tables": "holds",
        "views": "holds",
    }
    assert (tmp_path / "tables").read_bytes() == before


@pytest.mark.parametrize(
    "header",
    [b"{'descr': '<f8', (", b"{'descr': '<f8', 'fortran_order': False, 'shape': (900000000000,)}\n", b"\x00" * 40],
)
def test_an_array_whose_header_is_none_is_named_and_stops_nothing(tmp_path, header):
    path = tmp_path / "odd.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    traces = Traces("S2", names=frozenset({"Annegret"}))
    assert search(path, traces) == "may hold"
    path.write_bytes(path.read_bytes() + b" Annegret ")
    assert search(path, traces) == "holds"


NAME = "Jürgen Groß & Söhne"
HEEL = np.random.default_rng(3).normal(500, 80, (30, 3)).astype("f4")
TOE = HEEL[::-1] + 70
PERSON = Traces(
    "P0107",
    names=frozenset({NAME}),
    runs=frozenset(HEEL[0].astype(kind).tobytes() for kind in ("<f4", "<f8", ">f8")),
    coordinates=Coordinates.of([TOE, HEEL]),
)


def database(path, rows, encoding="UTF-8"):
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA encoding = '{encoding}'")
    connection.execute("CREATE TABLE t (a, b, c)")
    connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()


def archive(path, said="", member="walk"):
    with zipfile.ZipFile(path, "w") as file:
        item = zipfile.ZipInfo("walk")
        item.comment = member.encode()
        file.writestr(item, "nothing")
        file.comment = said.encode()


def spreadsheet(path, rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)


def tape(path, **said):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as file:
        item = tarfile.TarInfo("walk")
        item.type, item.linkname = tarfile.SYMTYPE, said.get("link", "")
        item.pax_headers = {"comment": said.get("comment", "")}
        file.addfile(item)


def zipped(path, name):
    with path.open("wb") as out, gzip.GzipFile(filename=name, mode="wb", fileobj=out) as file:
        file.write(b"nothing")


def parquet(path, field, **more):
    pq.write_table(pa.table([pa.array([1.5])], schema=pa.schema([field])).replace_schema_metadata(more or None), path)


def arrow(path, field):
    schema = pa.schema([field])
    with pa.OSFile(str(path), "wb") as out, pa.ipc.new_file(out, schema) as file:
        file.write_table(pa.table([pa.array([1.5])], schema=schema))


def array(path, values):
    with path.open("wb") as file:
        np.save(file, values)


def commas(values):
    return "\n".join(";".join(f"{v:.4f}".replace(".", ",") for v in row) for row in values) + "\n"


WRITTEN = {
    "metadata of a column of Parquet": lambda p: parquet(p, pa.field("v", pa.float64(), metadata={"who": "P0107"})),
    "metadata of a column of Arrow": lambda p: arrow(p, pa.field("v", pa.float64(), metadata={"who": "P0107"})),
    "a nested column": lambda p: pq.write_table(pa.table({"v": [[{"P0107": 1.5}]]}), p),
    "a name in metadata of Parquet": lambda p: parquet(p, pa.field("v", pa.float64()), note=NAME),
    "columns in m": lambda p: pl.DataFrame(HEEL.astype(float) / 1000).write_parquet(p),
    "every second frame": lambda p: pl.DataFrame(HEEL[::2]).write_parquet(p),
    "another point": lambda p: array(p, TOE),
    "numbers of another byte order": lambda p: array(p, HEEL.astype(">f8")),
    "numbers in the order of Fortran": lambda p: array(p, np.asfortranarray(TOE)),
    "JSON": lambda p: p.write_text(json.dumps(HEEL.astype(float).tolist(), indent=1)),
    "JSON by columns": lambda p: p.write_text(json.dumps({"x": HEEL[:, 0].astype(float).tolist()})),
    "CSV of three decimals": lambda p: np.savetxt(p, HEEL, fmt="%.3f", delimiter=","),
    "CSV with decimal commas": lambda p: p.write_text(commas(HEEL)),
    "a spreadsheet": lambda p: spreadsheet(p, HEEL.astype(float).tolist()),
    "a name in a spreadsheet": lambda p: spreadsheet(p, [[NAME]]),
    "numbers in SQLite": lambda p: database(p, HEEL.astype(float).tolist()),
    "a name in SQLite of UTF-16": lambda p: database(p, [(NAME, 1, 2)], "UTF-16le"),
    "base64": lambda p: p.write_text(json.dumps({"bdata": base64.b64encode(HEEL[1:].tobytes()).decode()})),
    "base64 with escaped slashes": lambda p: p.write_text(
        base64.b64encode(b"\xff" * 24 + b" P0107 " + b"\xff" * 24).decode().replace("/", "\\u002f")
    ),
    "the escapes of JSON": lambda p: p.write_text(json.dumps({"who": NAME})),
    "capital escapes of JSON": lambda p: p.write_text(json.dumps({"who": NAME}).replace("00fc", "00FC").replace("00df", "00DF").replace("00f6", "00F6")),
    "the escapes of HTML": lambda p: p.write_text("<p>J&uuml;rgen Gro&szlig; &amp; S&ouml;hne</p>"),
    "the escapes of XML": lambda p: p.write_text("<p>J&#252;rgen Gro&#223; &amp; S&#246;hne</p>"),
    "letters and marks apart": lambda p: p.write_text(unicodedata.normalize("NFD", NAME)),
    "UTF-16": lambda p: p.write_text(NAME, encoding="utf-16"),
    "the comment of an archive": lambda p: archive(p, said="P0107"),
    "the comment of a member": lambda p: archive(p, member="P0107"),
    "the target of a link in an archive": lambda p: tape(p, link="../P0107/walk.bvh"),
    "a header in an archive": lambda p: tape(p, comment="P0107"),
    "the name of what was compressed": lambda p: zipped(p, "P0107.csv"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRITTEN)
def test_a_person_is_found_however_it_is_written(tmp_path, what):
    WRITTEN[what](tmp_path / "file")
    assert search(tmp_path / "file", PERSON) == "holds"
    other = Traces("P0108", names=frozenset({"Jörgen"}), coordinates=Coordinates.of([HEEL * 1.01, TOE * 1.01]))
    assert search(tmp_path / "file", other) != "holds"


def test_of_text_in_another_encoding_nobody_can_tell(tmp_path):
    (tmp_path / "names.csv").write_bytes(b"walk;fast\n" * 10_000 + NAME.encode("latin-1"))
    assert search(tmp_path / "names.csv", PERSON) == "may hold"
    (tmp_path / "names.csv").write_text("walk;fast\n" * 10_000 + "Jörg")
    assert search(tmp_path / "names.csv", PERSON) == "holds nothing"


def test_coordinates_of_others_and_of_points_at_rest_tell_nothing():
    assert not len(Coordinates.of([np.full((50, 3), 812.34567), np.round(HEEL, 1), HEEL[:2], HEEL * np.nan]).triples)
    many = np.random.default_rng(4).normal(500, 80, (200_000, 3))
    assert not PERSON.coordinates.are_among(many)
    assert PERSON.coordinates.are_among(np.concatenate([many, HEEL]))


def test_what_gzip_says_of_itself_is_read_however_it_ends(tmp_path):
    for cut in range(3, 40):
        whole = io.BytesIO()
        with gzip.GzipFile(filename="P0108.csv", mode="wb", fileobj=whole) as file:
            file.write(b"nothing")
        (tmp_path / "cut.gz").write_bytes(whole.getvalue()[:cut])
        assert search(tmp_path / "cut.gz", PERSON) in ("may hold", "holds nothing")
