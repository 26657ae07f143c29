"""`neurostore sql` and the listings: formats, and that nothing in the lake can be changed through them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from tests.builders.tiny_bvh import write_bvh
from tests.cli.cli_run import run


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    for subject, n in (("S01", 20), ("S02", 30)):
        write_bvh(folder / subject / "walk.bvh", n)
    (folder / "participants.tsv").write_text("participant_id\tgroup\nS01\tCP\n")
    path = tmp_path_factory.mktemp("lakes") / "lake"
    assert run("ingest", folder, "--lake", path).returncode == 0
    return path


QUERY = "SELECT subject, sum(n_frames)::INTEGER AS frames FROM trials GROUP BY ALL ORDER BY 1"


def test_a_table(lake):
    shown = run("sql", QUERY, "--lake", lake)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == "subject  frames\n───────  ──────\nS01          20\nS02          30\n"
    assert shown.stderr == "2 rows\n"


def test_a_query_loads_no_library_that_takes_longer_than_the_query(lake):
    code = "import atexit, sys; from neurostore.cli import main; atexit.register(lambda: print(*sys.modules)); main()"
    shown = subprocess.run(
        [sys.executable, "-c", code, "sql", "SELECT * FROM gait_cycles LIMIT 1", "--lake", str(lake)],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(shown.stdout.splitlines()[-1].split())
    assert "duckdb" in loaded
    assert not {"polars", "pandas", "pydantic", "pyarrow.compute", "pyarrow.dataset", "numba", "scipy"} & loaded


def on_a_terminal(arguments: list[str], columns: int) -> str:
    """What the command prints on a terminal of the given width."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns)}
    process = subprocess.Popen(
        [sys.executable, "-m", "neurostore.cli", *arguments], stdout=theirs, stderr=subprocess.DEVNULL, env=environment
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    assert process.wait() == 0
    return shown.decode().replace("\r\n", "\n")


def test_a_table_wider_than_the_terminal_is_shown_row_by_row(lake):
    arguments = ["sql", QUERY, "--lake", str(lake)]
    assert on_a_terminal(arguments, 80) == "subject  frames\n───────  ──────\nS01          20\nS02          30\n"
    assert on_a_terminal(arguments, 12) == (
        "── row 1 ──\nsubject  S01\nframes   20\n── row 2 ──\nsubject  S02\nframes   30\n"
    )


def test_csv_json_and_parquet(lake, tmp_path):
    assert run("sql", QUERY, "--format", "csv", "--lake", lake).stdout == "subject,frames\nS01,20\nS02,30\n"
    assert json.loads(run("sql", QUERY, "--format", "json", "--lake", lake).stdout) == [
        {"subject": "S01", "frames": 20},
        {"subject": "S02", "frames": 30},
    ]
    frame = pl.read_parquet(io.BytesIO(run("sql", QUERY, "--format", "parquet", "--lake", lake).stdout_bytes))
    assert frame["frames"].to_list() == [20, 30]
    shown = run("sql", QUERY, "--output", tmp_path / "out.parquet", "--lake", lake)
    assert shown.stdout == ""
    assert pl.read_parquet(tmp_path / "out.parquet").equals(frame)


def test_structs_and_lists_in_csv(lake):
    query = "SELECT {'x': 1, 'y': NULL} AS p, [1, 2] AS l"
    assert run("sql", query, "--format", "csv", "--lake", lake).stdout == 'p.x,p.y,l\n1,,"[1, 2]"\n'


def test_stdin_and_several_statements(lake):
    shown = run("sql", "-", "--format", "csv", "--lake", lake, stdin="SET VARIABLE k = 3; SELECT getvariable('k') AS k")
    assert shown.stdout == "k\n3\n"


def test_every_row_is_written_to_a_pipe(lake):
    shown = run("sql", "SELECT * FROM range(5000)", "--lake", lake)
    assert len(shown.stdout.splitlines()) == 5002
    assert shown.stderr == "5,000 rows\n"


def test_floats_have_sensible_digits(lake):
    query = "SELECT * FROM (VALUES (1.0/3, 1e-9::DOUBLE, 123456.789::DOUBLE), (NULL, 0, 2)) t(a, b, c)"
    lines = run("sql", query, "--lake", lake).stdout.splitlines()
    assert lines[2].split() == ["0.3333", "1e-09", "123456.8"]
    assert lines[3].split() == ["NULL", "0", "2.0"]


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO '{file}'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{file}'",
        "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{file}'",
        "/* a */ EXPLAIN /* b */ ANALYZE COPY (SELECT 1) TO '{file}'",
        "SELECT 1; COPY (SELECT 1) TO '{file}'",
        "ATTACH '{file}' AS other",
        "EXPORT DATABASE '{file}'",
        "CREATE TABLE t AS SELECT 1",
        "DROP VIEW trials",
        "SET temp_directory = '{file}'",
        "PRAGMA database_list",
        "INSTALL httpfs",
        "CALL pragma_version()",
    ],
)
def test_only_reading_is_allowed(lake, query):
    before = _content(lake)
    victim = lake / "trials" / "evil.parquet"
    shown = run("sql", query.format(file=victim), "--lake", lake)
    assert shown.returncode == 2
    assert "Traceback" not in shown.stderr
    assert _content(lake) == before


def _content(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path).encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def test_wrong_sql_is_status_2(lake):
    for query in ("SELEC 1", "SELECT nothing FROM trials", "", "SELECT 'x'::INTEGER"):
        shown = run("sql", query, "--lake", lake)
        assert shown.returncode == 2, query
        assert shown.stderr.startswith("neurostore: ")


def test_listings(lake):
    trials = run("trials", "--lake", lake, "--format", "csv").stdout.splitlines()
    assert [line.split(",")[:4] for line in trials] == [
        ["subject", "session", "trial", "kind"],
        ["S01", '""', "walk", "mocap"],
        ["S02", '""', "walk", "mocap"],
    ]
    subjects = json.loads(run("subjects", "--lake", lake, "--format", "json").stdout)
    assert [(s["subject"], s["group"], s["n_trials"]) for s in subjects] == [("S01", "CP", 1), ("S02", None, 1)]
    history = json.loads(run("history", "--lake", lake, "--format", "json").stdout)
    assert sum(version["trials_in"] or 0 for version in history) == 2  # in one commit or, on a busy machine, two


def test_an_older_version(lake):
    shown = run("sql", "SELECT count(*) AS n FROM trials", "--version", "0", "--format", "csv", "--lake", lake)
    assert shown.stdout == "n\n0\n"


def test_compact_catalogue_and_export(lake, tmp_path):
    assert run("export-lake", tmp_path / "plain", "--lake", lake).returncode == 0
    exported = pl.read_parquet(tmp_path / "plain" / "landmarks" / "**" / "*.parquet")
    assert exported.height == 50
    compacted = run("compact", "--vacuum", "--lake", lake)
    assert compacted.returncode == 0
    assert "files" in compacted.stderr
    assert "2 rows" in run("sql", QUERY, "--lake", lake).stderr


def test_a_band_is_samples_or_a_share():
    from neurostore.commands.distances import number
    from neurostore.errors import UsageError

    assert [number(b) for b in (None, "10", "0.1", "1.0")] == [None, 10, 0.1, 1.0]
    assert isinstance(number("10"), int)
    with pytest.raises(UsageError, match="wide"):
        number("wide")


WRITING = (
    "COPY (SELECT 1) TO '{file}'",
    "CREATE TABLE t AS SELECT 1",
    "CREATE VIEW v AS SELECT 1",
    "INSERT INTO trials VALUES (1)",
    "UPDATE trials SET subject = 'x'",
    "DELETE FROM trials",
    "DROP VIEW trials",
    "ALTER VIEW trials RENAME TO t",
    "ATTACH '{file}'",
    "EXPORT DATABASE '{file}'",
    "IMPORT DATABASE '{file}'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA database_list",
    "SET memory_limit = '1GB'",
    "RESET memory_limit",
    "USE memory",
    "CALL pragma_version()",
    "CHECKPOINT",
    "VACUUM",
    "BEGIN TRANSACTION",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "UPDATE EXTENSIONS",
    "WITH x AS (COPY (SELECT 1) TO '{file}') SELECT 1",
    "WITH x AS (INSERT INTO trials VALUES (1) RETURNING *) SELECT * FROM x",
    "SELECT (WITH x AS (COPY (SELECT 1) TO '{file}') SELECT 1)",
    "SELECT * FROM enable_logging('QueryLog', storage='file', storage_path='{file}')",
    "SELECT (SELECT count(*) FROM enable_profiling(format='json', save_location='{file}'))",
    "SUMMARIZE SELECT * FROM enable_logging('QueryLog', storage='file', storage_path='{file}')",
    "FROM checkpoint()",
    "FROM query('FROM checkpoint()')",
    "FROM json_execute_serialized_sql(json_serialize_sql('FROM checkpoint()'))",
)
WRAPPERS = (
    "{}",
    "SET VARIABLE a = (SELECT 1 FROM ({}))",
    "EXPLAIN {}",
    "EXPLAIN ANALYZE {}",
    "EXPLAIN (ANALYZE) {}",
    "EXPLAIN (ANALYZE, FORMAT json) {}",
    "/* a */ EXPLAIN -- b\n ANALYZE {}",
    "explain/**/analyze {}",
    "SELECT 1; {}",
    "SET VARIABLE a = 1; {}",
)


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_no_writing_or_opening_statement_is_allowed(wrapper):
    import duckdb

    from neurostore.errors import UsageError
    from neurostore.sql.statements import statements_that_read

    with duckdb.connect() as connection:
        for statement in WRITING:
            with pytest.raises((UsageError, duckdb.ParserException)):
                statements_that_read(connection, wrapper.format(statement.format(file="/nowhere/out")))


@pytest.mark.parametrize("wrapper", ["EXISTS ({})", "true); {}; SELECT (true", "true; {}"])
def test_no_condition_writes_or_opens(wrapper):
    from neurostore.errors import UsageError
    from neurostore.sql.statements import bracketed_condition

    for statement in WRITING[:1] + WRITING[-12:]:
        with pytest.raises(UsageError):
            bracketed_condition(wrapper.format(statement.format(file="/nowhere/out")))


@pytest.mark.parametrize(
    "condition",
    ["true) OR (true", "", "true -- ) OR (true\n) OR (true", "true AS x", "kind FROM trials", "true WHERE true"],
)
def test_a_condition_stays_in_its_brackets(condition):
    from neurostore.errors import UsageError
    from neurostore.sql.statements import bracketed_condition

    with pytest.raises(UsageError):
        bracketed_condition(condition)


@pytest.mark.parametrize(
    "condition",
    [
        "t.kind = 'mocap' -- as always",
        "t.n_frames > (SELECT avg(n_frames) FROM trials)",
        "s.age BETWEEN 1 AND 2 OR true",
    ],
)
def test_a_condition_that_reads_is_allowed(condition):
    from neurostore.sql.statements import bracketed_condition

    assert bracketed_condition(condition) == f"(\n{condition}\n)"


@pytest.mark.parametrize("command", [("trials",), ("distances", "d.npy")])
def test_a_condition_of_a_command_writes_nothing(lake, tmp_path, command):
    words = [str(tmp_path / w) if w.endswith(".npy") else w for w in command]
    out = tmp_path / "out.csv"
    shown = run(*words, "--where", f"true); COPY (SELECT 1) TO '{out}'; SELECT (true", "--lake", lake)
    assert shown.returncode == 2
    assert "not an SQL condition" in shown.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT 1", "explain -- a\n (analyze) SELECT 1"])
def test_an_explained_select_is_allowed(text):
    import duckdb

    from neurostore.sql.statements import statements_that_read

    with duckdb.connect() as connection:
        (statement,) = statements_that_read(connection, text)
        assert connection.sql(statement).fetchall()


@pytest.mark.parametrize(
    "text",
    ["SHOW TABLES", "FROM range(3)", "SUMMARIZE SELECT 1", "FROM read_csv('people.csv')", "SET VARIABLE a = 1; SELECT 1",
     "WITH x AS (SELECT 1 AS a) FROM x", "FROM duckdb_settings()", "PIVOT (SELECT 1 AS a) ON a IN (1)", "SELECT " + "1 + " * 900 + "1"],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_what_only_reads_is_allowed(text):
    import duckdb

    from neurostore.sql.statements import statements_that_read

    with duckdb.connect() as connection:
        assert statements_that_read(connection, text)


def test_a_reader_that_has_enough_is_not_an_error(lake):
    words = [sys.executable, "-m", "neurostore.cli", "sql", "SELECT * FROM range(500000)", "--format", "csv"]
    with subprocess.Popen([*words, "--lake", lake], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"range\n"
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 0)


def test_two_statements_get_a_plain_error(lake):
    for more in ((), ("--locked",)):
        shown = run("sql", "SELECT 1; SELECT 2", "--lake", lake, *more)
        assert (shown.returncode, shown.stdout) == (2, "")
        assert "found 2 statements" in shown.stderr


def test_two_columns_of_one_name_are_named_where_locked(lake):
    shown = run("sql", "SELECT 1 AS x, 2 AS x", "--lake", lake, "--locked")
    assert shown.returncode == 2
    assert "several columns are called x" in shown.stderr


def test_a_map_is_json_in_csv(lake):
    query = "SELECT MAP {'a': 1, 'b': 2} AS m, [1, 2] AS l, {'p': 1} AS s"
    shown = run("sql", query, "--lake", lake, "--format", "csv")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == 'm,l,s.p\n"{""a"": 1, ""b"": 2}","[1, 2]",1\n'


def test_ctrl_c_ends_a_query_with_130_and_one_line(lake):
    process = subprocess.Popen(
        [sys.executable, "-m", "neurostore.cli", "sql", "--lake", str(lake),
         "SELECT count(*) FROM range(1000000) AS a, range(1000000) AS b WHERE a.range * b.range % 7 = 3"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    time.sleep(8)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=30)
    assert (process.returncode, out, said) == (130, "", "neurostore: interrupted; the lake is intact\n")


def test_a_query_that_meets_a_vacuum_says_so(lake, tmp_path):
    import shutil

    from neurostore.api import open as open_lake
    from neurostore.commands.sql import run as run_sql
    from neurostore.errors import DamagedLakeError, VanishedVersionError

    copy = tmp_path / "lake"
    shutil.copytree(lake, copy)
    opened = open_lake(copy)
    state = opened.table_state("landmarks")
    connection = opened.connect("SELECT * FROM landmarks")

    class Late:
        """A lake whose files go after the connection was made."""

        path = opened.path
        raise_if_vanished = staticmethod(opened.raise_if_vanished)

        @staticmethod
        def connect(text):
            del text
            Path(state.path(state.files[0])).unlink(missing_ok=True)
            return connection

    with pytest.raises((DamagedLakeError, VanishedVersionError)):
        run_sql(Late(), "SELECT count(left_hip) FROM landmarks")
