"""Frames written block by block are the Parquet that pyarrow writes of the same rows, for every reader."""

from __future__ import annotations

import io

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurostore.api import Lake
from neurostore.api import open as open_lake
from neurostore.lake import frame_encoder
from neurostore.lake.commit import TrialTables, commit, stage
from neurostore.lake.frame_encoder import encode
from neurostore.lake.frames import Block, Frames, arrow_schema, struct_columns

POINTS, TURNS = ("left_heel", "right_heel", "pelvis"), ("trunk_rotation",)


def frames(n, missing=(), seed=0):
    """Random rows; missing : (block, column, component, row) to be NaN."""
    random = np.random.default_rng(seed)
    blocks = (
        Block(POINTS, random.normal(size=(3, 3, n)).astype(np.float32)),
        Block(TURNS, random.normal(size=(1, 4, n)).astype(np.float32)),
    )
    for block, column, component, row in missing:
        blocks[block].values[column, component, row % n] = np.nan
    blocks = tuple(Block(b.names, b.values) for b in blocks)
    heading = random.normal(size=n).astype(np.float32)
    heading[: n // 3] = np.nan
    clock = (np.zeros(n, np.int32), np.arange(n, dtype=np.int32), np.arange(n) / 120)
    return Frames(*clock, blocks, {"heading_deg": heading, "facing_deg": np.zeros(n, np.float32)})


def expected(trials):
    """The same rows by way of Arrow."""
    tables = []
    for key, rows in trials:
        table = rows.to_arrow()
        for name, value in zip(("session", "trial", "ingest_id"), key, strict=True):
            table = table.append_column(name, pa.array([value] * rows.num_rows, pa.string()))
        tables.append(table)
    schema = arrow_schema(trials[0][1].layout)
    return pa.concat_tables([t.select(schema.names) for t in tables]).cast(schema)


def written(trials):
    return b"".join(encode(trials))


gaps = st.lists(
    st.one_of(
        st.tuples(st.just(0), st.integers(0, 2), st.integers(0, 2), st.integers(0, 200)),
        st.tuples(st.just(1), st.just(0), st.integers(0, 3), st.integers(0, 200)),
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 90), gaps), min_size=1, max_size=4), st.sampled_from([7, 32, 1000]))
def test_every_reader_reads_what_arrow_would_have_written(sizes, rows_per_group):
    trials = [
        (("" if i % 2 else "s1", f"walk_{i}", f"id{i}"), frames(n, missing, seed=i))
        for i, (n, missing) in enumerate(sizes)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame_encoder, "ROWS", rows_per_group)
        content = written(trials)
    table = expected(trials)
    found = pq.read_table(pa.BufferReader(content))
    assert found.schema.equals(table.schema)
    found.validate(full=True)
    assert found.equals(table)
    assert pl.read_parquet(io.BytesIO(content)).equals(pl.from_arrow(table))


def test_duckdb_reads_it_and_prunes_by_its_statistics(tmp_path):
    trials = [(("", "a", "1"), frames(50_000)), (("", "b", "2"), frames(300, [(0, 1, 2, 7)], seed=1))]
    (tmp_path / "x.parquet").write_bytes(written(trials))
    con = duckdb.connect()
    query = f"SELECT * FROM '{tmp_path}/x.parquet'"
    assert con.sql(query).to_arrow_table().cast(expected(trials).schema).equals(expected(trials))
    assert con.sql(f"SELECT count(*), max(frame) FROM ({query}) WHERE trial = 'b'").fetchall() == [(300, 299)]
    metadata = pq.ParquetFile(tmp_path / "x.parquet").metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [32_768, 17_532]
    of_trial = metadata.row_group(1).column(1).statistics
    assert (of_trial.min, of_trial.max, of_trial.null_count) == ("a", "b", 0)
    assert metadata.row_group(0).column(4).statistics.max == 32_767


def test_many_trials_in_one_file():
    trials = [(("", f"t{i:04d}", f"i{i}"), frames(3, seed=i)) for i in range(700)]  # indices of more than a byte
    assert pq.read_table(pa.BufferReader(written(trials))).equals(expected(trials))


def test_columns_are_null_where_a_component_is_missing():
    values = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    values[0, 2, 1] = np.nan
    found = struct_columns(Block(("a", "b"), values))
    assert found["a"].to_pylist() == [{"x": 0.0, "y": 2.0, "z": 4.0}, None]
    assert found["b"].to_pylist() == [{"x": 6.0, "y": 8.0, "z": 10.0}, {"x": 7.0, "y": 9.0, "z": 11.0}]


def trial_of(rows, name="walk"):
    row = {"source_path": "a", "source_sha256": "0" * 64, "settings_sha256": "0" * 64, "kind": "mocap", "n_frames": 3,
           "skeletons": [], "n_persons": 1, "rate_hz": 120.0, "duration_s": 1.0, "position_basis": "lab",
           "length_basis": "measured", "up_source": "lab", "pelvis_zero": "none", "steps": "[]", "notes": [], "quality": [],
           "source_paths": ["a"]}  # fmt: skip
    return TrialTables(("S01", "", name), f"id_{name}", row, {"landmarks": rows})


def test_frames_and_tables_give_the_same_lake(tmp_path):
    path = Lake.create(tmp_path / "lake").path
    rows = [frames(30, seed=1), frames(20, [(0, 0, 0, 3)], seed=2)]
    other = Frames(rows[0].person, rows[0].frame, rows[0].time_s, rows[0].blocks[:1])  # fewer columns: by way of Arrow
    commit(path, [stage(path, [trial_of(rows[0], "a"), trial_of(rows[1], "b")])])
    commit(path, [stage(path, [trial_of(rows[0].to_arrow(), "c"), trial_of(other, "d")])])
    found = open_lake(path).scan("landmarks").collect().sort("trial", "frame")
    assert found.group_by("trial", maintain_order=True).len()["len"].to_list() == [30, 20, 30, 30]
    a, c = (found.filter(trial=t).drop("trial", "ingest_id") for t in "ac")
    assert a.equals(c)
    assert found.filter(trial="b")["left_heel"].null_count() == 1
    assert found.filter(trial="d")["trunk_rotation"].null_count() == 30


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: Frames(f.person, f.frame, f.time_s, (Block(("no_such_point",), f.blocks[0].values[:1]),)), "no_such_point"),
        (lambda f: Frames(f.person, f.frame - 1, f.time_s, f.blocks), "smallest allowed value is 0"),
        (lambda f: Frames(f.person, f.frame, f.time_s * np.nan, f.blocks), "row 0 is not a finite number"),
        (lambda f: Frames(f.person, f.frame, f.time_s, (Block(POINTS, f.blocks[0].values / 0),)), "row 0 is infinite"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_frames_that_break_the_declaration_are_refused_by_name(tmp_path, spoil, said):
    path = Lake.create(tmp_path / "lake").path
    staged = stage(path, [trial_of(spoil(frames(5)), "bad"), trial_of(frames(5), "good")])
    assert said in str(staged.refused["S01", "", "bad"])
    assert [row["trial"] for row in staged.rows] == ["good"]
