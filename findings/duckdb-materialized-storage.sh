#!/usr/bin/env bash
# DuckDB 2.0.1 leaves MATERIALIZED and NOT MATERIALIZED out of views that it writes in an older storage format.
# Expected: a view with `WITH a AS MATERIALIZED (…)` written with STORAGE_VERSION 'v1.0.0' keeps the word, as DuckDB 1.2.2 keeps it
# in its own files of that format, and as 2.0.1 does in its default format.
# Seen: the word is gone in the formats v1.0.0 to v1.4.0, so that DuckDB before 1.4 plans the expression once for each time it is
# named: subject_summary of a lake, 2 s of processor time in 1.4.4, did not end in four minutes in 1.2.2.
# Exits 0 while this is so, 1 when the word is kept.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "duckdb==${DUCKDB_VERSION:-2.0.1}"
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import sys

import duckdb

QUERY = "WITH a AS MATERIALIZED (SELECT 1 AS x) SELECT * FROM a AS one, a AS two"
kept = {}
for version in ("v1.0.0", "v1.2.0", "v1.4.0", "latest"):
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{version}.duckdb' AS file (STORAGE_VERSION '{version}')")
        connection.execute(f"CREATE VIEW file.v AS {QUERY}")
    with duckdb.connect(f"{version}.duckdb", read_only=True) as connection:
        sql = connection.execute("SELECT sql FROM duckdb_views() WHERE view_name = 'v'").fetchone()[0]
    kept[version] = "MATERIALIZED" in sql
    print(duckdb.__version__, version, sql)
assert kept["latest"]
sys.exit(int(kept["v1.0.0"]))
P
