"""What a stranger may ask: one SELECT over the lake. Everything else is refused, by the parser and by the connection."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from neurostore.errors import NeurostoreError, UsageError
from neurostore.lake import locked as locked_sql
from neurostore.upkeep.erase import erase
from tests.builders.lake_builder import build_lake, trial
from tests.cli.cli_run import run


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("it's [a] lake")
    heel = np.zeros((20, 3))
    made = build_lake(folder, [trial("S1", "walk", left_heel=heel), trial("S2", "walk", left_heel=heel)])
    (folder / "secret.csv").write_text("a,b\n1,secret\n")
    return made


@pytest.fixture(scope="module")
def locked(lake):
    with lake.connect() as connection:
        locked_sql.lock(connection, lake, 256)
        yield connection


def secret(lake) -> Path:
    return Path(lake.path).parent / "secret.csv"


def fingerprint(lake) -> str:
    return hashlib.sha256(
        b"".join(p.read_bytes() for p in sorted(Path(lake.path).rglob("*")) if p.is_file())
    ).hexdigest()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) AS n FROM landmarks",
        "WITH a AS (SELECT * FROM trials), b AS (SELECT count(*) AS n FROM a) SELECT 40 AS n FROM b",
        "SELECT n FROM (SELECT 40 AS n) AS x, range(1)",
        "SELECT 40 AS n FROM trials AS t JOIN subjects AS s USING (subject) UNION ALL SELECT 40 LIMIT 1 -- ; DROP TABLE",
        "WITH RECURSIVE r(n) AS (SELECT 39 UNION ALL SELECT n + 1 FROM r WHERE n < 40) SELECT max(n) AS n FROM r",
        "FROM trials SELECT 40 AS n LIMIT 1;",
        "SELECT 40 AS n FROM unnest([1])",
        "SELECT 40 + count(*) AS n FROM joint_angles WHERE subject = 'nobody'",
        "SELECT 40 AS n WHERE dtw_distance([1.0, 2.0], [1.0, 2.0]) = 0",
    ],
)
def test_selects_over_the_lake_are_answered(locked, query):
    # the first DTW of a machine compiles its kernel, which a slow one may need a minute for
    assert locked_sql.answer(locked, query, time_limit_s=300)["n"].to_list() == [40]


HOSTILE = [
    "COPY trials TO '{out}'",
    "COPY (SELECT 1) TO '{out}' (FORMAT parquet)",
    "ATTACH '{out}' AS x",
    "SELECT 1; DROP TABLE trials",
    "SELECT 1; SELECT 2",
    "",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET VARIABLE a = 1",
    "RESET lock_configuration",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "CALL pragma_version()",
    "CREATE TABLE t AS SELECT 1",
    "CREATE VIEW trials AS SELECT 1",
    "DROP VIEW trials",
    "INSERT INTO _declared_columns SELECT * FROM _declared_columns",
    "DELETE FROM _declared_columns",
    "EXPORT DATABASE '{out}'",
    "IMPORT DATABASE '{out}'",
    "DESCRIBE trials",
    "SHOW TABLES",
    "EXPLAIN ANALYZE COPY trials TO '{out}'",
    "EXPLAIN SELECT 1",
    "CHECKPOINT",
    "VACUUM",
    "USE memory",
    "PREPARE p AS SELECT 1",
    "BEGIN",
    "SELECT * FROM '{secret}'",
    'SELECT * FROM "{secret}"',
    "SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM read_csv_auto('{secret}')",
    "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM read_blob('{secret}')",
    "SELECT * FROM read_json('{secret}')",
    "SELECT * FROM read_parquet('{lake}/*/*.parquet')",
    "SELECT * FROM parquet_scan('{lake}/*/*.parquet')",
    "SELECT * FROM parquet_metadata('{lake}/trials/*.parquet')",
    "SELECT * FROM glob('{lake}/**')",
    "SELECT * FROM sniff_csv('{secret}')",
    "SELECT * FROM 'https://example.org/x.csv'",
    "SELECT * FROM read_csv('https://example.org/x.csv')",
    "SELECT * FROM 's3://bucket/x.parquet'",
    "SELECT * FROM query('COPY trials TO ''{out}''')",
    "SELECT * FROM query_table('{secret}')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM pragma_database_list()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_tables",
    "SELECT * FROM sqlite_master",
    "SELECT (SELECT content FROM read_text('{secret}'))",
    "SELECT * FROM trials WHERE subject IN (SELECT b FROM '{secret}')",
    "WITH x AS (SELECT * FROM read_text('{secret}')) SELECT * FROM x",
    'SELECT (WITH "{secret}" AS (SELECT 1) SELECT 1), * FROM "{secret}"',
    "WITH x AS MATERIALIZED (COPY trials TO '{out}') SELECT 1",
    "WITH x AS (INSERT INTO _declared_columns SELECT * FROM _declared_columns RETURNING *) SELECT * FROM x",
    "SELECT (WITH x AS (DELETE FROM _declared_columns RETURNING *) SELECT count(*) FROM x)",
    "UPDATE EXTENSIONS",
    "SELECT * FROM enable_logging('QueryLog', storage='file', storage_path='{out}')",
    "SELECT count(*) FROM enable_profiling(format='json', save_location='{out}')",
    "SELECT * FROM trials, LATERAL (SELECT * FROM read_text('{secret}'))",
    "SELECT getenv('HOME')",
    "SELECT current_setting('allowed_paths')",
    "SELECT CURRENT_SETTING('temp_directory')",
    "SELECT * FROM read_duckdb('{out}')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT * FROM trials AT (VERSION => 1)",
    "SELECT * FROM hidden_frame",
    "SUMMARIZE trials",
    "PIVOT trials ON subject USING count(*)",
    "MERGE INTO trials USING trials AS t ON true WHEN MATCHED THEN DELETE",
    "SELECT 1 /* " + "; DROP TABLE trials",
    "SELECT 'x' || chr(0) FROM \x00",
    "SELECT " + "(" * 20_000 + "1" + ")" * 20_000,
    "SELECT * FROM trials; COPY trials TO '{out}' --",
]


@pytest.mark.parametrize("query", HOSTILE, ids=lambda q: q[:45].replace("/", "|"))
def test_everything_else_is_refused(lake, locked, tmp_path, query):
    hidden_frame = pl.DataFrame({"a": [1]})  # a replacement scan would find it by name
    out = tmp_path / "out"
    text = query.format(out=out, secret=secret(lake), lake=lake.path) if "{" in query else query
    before = fingerprint(lake)
    with pytest.raises(UsageError):
        locked_sql.answer(locked, text)
    assert not out.exists()
    assert fingerprint(lake) == before
    assert hidden_frame.height == 1


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT * FROM glob('{lake}/../*')",
        "SELECT * FROM read_text('{lake}/_neurostore/lake.json')",
        "COPY (SELECT 1) TO '{out}'",
        "ATTACH '{out}' AS x",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "SELECT * FROM hidden_frame",
        "INSTALL httpfs",
    ],
)
def test_the_connection_refuses_by_itself(lake, locked, tmp_path, query):
    """The second fence, without the first."""
    import duckdb

    hidden_frame = pl.DataFrame({"a": [1]})
    assert locked.execute("SELECT count(*) FROM landmarks").fetchone() == (40,)
    text = query.format(out=tmp_path / "out", secret=secret(lake), lake=lake.path)
    with pytest.raises(duckdb.Error):
        locked.execute(text)
    assert hidden_frame.height == 1


def test_time_memory_and_rows_are_limited(locked):
    start = time.monotonic()
    for query in (
        "SELECT count(*) FROM range(10000000) AS a, range(1000000) AS b WHERE a.range + b.range < 0",
        "SELECT a.range FROM range(1000000000) AS a, range(1000) AS b WHERE a.range < 0",
    ):
        with pytest.raises(UsageError, match="stopped after"):
            locked_sql.answer(locked, query, time_limit_s=0.3)
    assert time.monotonic() - start < 60
    with pytest.raises(UsageError, match="MB"):
        locked_sql.answer(locked, "SELECT list(range::VARCHAR || 'x') FROM range(200000000)")
    with pytest.raises(UsageError, match="1,000 rows"):
        locked_sql.answer(locked, "SELECT * FROM range(100000)", row_limit=1000)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT length(repeat('x', 4000000000))",
        "SELECT len(range(1000000000))",
        "SELECT dtw_distance(a, a) FROM (SELECT list(range::FLOAT) AS a FROM range(400000))",
        f"SELECT 1 WHERE 1 IN ({', '.join(map(str, range(300_000)))})",
    ],
    ids=["one string", "one list", "one distance", "one plan"],
)
def test_limits_hold_inside_of_one_function(lake, query):
    """DuckDB does not look at its limits there: the process that answers is ended."""
    start = time.monotonic()
    with pytest.raises(UsageError, match=r"stopped after 0.5 s|more than 64 MB"):
        locked_sql.run(lake, query, time_limit_s=0.5, memory_limit_mb=64)
    assert time.monotonic() - start < 60  # with the start of a process on a busy machine


def test_a_process_of_its_own_says_what_one_alone_would(lake, monkeypatch):
    assert locked_sql.run(lake, "SELECT '💥' AS a, [1, NULL] AS b").to_dicts() == [{"a": "💥", "b": [1, None]}]
    with pytest.raises(UsageError, match="no table or view 'nothing'"):
        locked_sql.run(lake, "SELECT * FROM nothing")
    monkeypatch.setattr(locked_sql.sys, "executable", "/bin/false")
    with pytest.raises(UsageError, match="its process ended with status 1"):
        locked_sql.run(lake, "SELECT 1")


def test_the_command(lake):
    shown = run("sql", "SELECT count(*) AS n FROM trials", "--locked", "--format", "csv", "--lake", lake.path)
    assert (shown.returncode, shown.stdout) == (0, "n\n2\n")
    shown = run("sql", f"SELECT * FROM '{secret(lake)}'", "--locked", "--lake", lake.path)
    assert shown.returncode == 2
    assert "secret.csv" in shown.stderr


NAMES = ["S1' OR '1'='1", "'; DROP VIEW trials; --", '"', "\\", "S1\x00", "../../etc", "$subject", "💥"]


def test_hostile_values_are_values(lake):
    """Through Python and the command line: found nothing, broke nothing."""
    before = fingerprint(lake)
    for value in NAMES:
        assert lake.sql("SELECT * FROM landmarks WHERE subject = $s", {"s": value}).height == 0
        for refuses in (lake.scan, lake.describe, lake.joint_angles, lambda v: erase(lake.path, v)):
            with pytest.raises(NeurostoreError):
                refuses(value)
    for command in (["neighbours", *NAMES[:2]], ["compare", NAMES[1], "--by", NAMES[2]], ["erase", NAMES[5], "--yes"]):
        assert run(*command, "--lake", lake.path).returncode in (1, 2, 3)
    assert fingerprint(lake) == before
