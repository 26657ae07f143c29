"""A cohort whose every name was chosen by somebody who means harm: tables, joints, labels, members, files.

Through ingest, SQL, exports, report and erasure nothing of it is obeyed: not by SQL, a shell, a path, a page or a terminal.
"""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from neurostore.api import open as open_lake
from neurostore.upkeep.verify import verify
from neurostore.wording import printable
from tests.builders import c3d_files, neuropose_files
from tests.builders.tiny_bvh import bvh_text
from tests.cli.cli_run import run

VALUES = [
    "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "\x1b]0;pwned\x07\x1b[2J", "'; DROP TABLE trials; --",
    'x"; DROP VIEW joint_angles; --', "../../../etc/passwd", "${HOME} $(touch pwned)", "\u202egnp.exe %s%n{0}",
]  # fmt: skip
COLUMNS = ["participant_id", "group", "sex", "diag<script>", 'x"; DROP TABLE x; --', "a\x1b[31mred"]
JOINTS = {
    "LeftUpLeg": 'a"b', "LeftLeg": "a'; DROP TABLE trials; --", "LeftFoot": "../../x", "Spine": "subject",
    "Neck": "ingest_id", "Head": "<script>x",
}  # fmt: skip


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("hostile")
    cohort = root / "cohort"
    for i in range(4):
        (cohort / f"S{i}").mkdir(parents=True)
        (cohort / f"S{i}" / "walk.bvh").write_text(bvh_text(20, sway_deg=5 + i))
    text = bvh_text(20)
    for name, hostile in JOINTS.items():
        text = text.replace(f" {name}\n", f" {hostile}\n")
    (cohort / "S0" / "names.bvh").write_text(text)
    (cohort / "S0" / "a'b $(touch pwned).bvh").write_text(bvh_text(20))
    labels = [*c3d_files.LEGS, "<script>", 'a"; DROP', "x' OR 1"]
    c3d_files.write(cohort / "S1" / "c.c3d", c3d_files.walker(20, labels), labels)
    video = neuropose_files.video(neuropose_files.walk(10))
    members = {"../../etc/passwd.mp4": video, "<script>.mp4": video, "a\x1b[2J.mp4": video}
    (cohort / "S2" / "results.json").write_text(json.dumps(members))
    rows = [[f"S{i}", VALUES[i], "F", VALUES[i + 4], VALUES[(i + 2) % 8], VALUES[(i + 1) % 8]] for i in range(4)]
    table = io.StringIO()
    csv.writer(table, delimiter="\t", lineterminator="\n").writerows([COLUMNS, *rows])
    (cohort / "participants.tsv").write_text(table.getvalue())
    conditions = "".join(f"S{i}\twalk\t{VALUES[7 - i]}\n" for i in range(4))
    (cohort / "trials.tsv").write_text(f"subject\ttrial\tcondition\n{conditions}")
    shown = run("ingest", cohort, "--lake", root / "lake", "--workers", 1, "--no-results", cwd=root)
    assert shown.returncode == 0, shown.stderr
    assert "\x1b" not in shown.stderr + shown.stdout
    return root / "lake"


def test_keys_and_columns_are_tame_and_values_are_kept(lake):
    opened = open_lake(lake)
    trials = set(opened.trials_table()["trial"].to_pylist())
    assert trials >= {"walk", "names", "c", "a_b___touch_pwned_"}
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", t) for t in trials)
    people = opened.sql("SELECT * FROM subjects ORDER BY subject")
    assert people["group"].to_list() == VALUES[:4]
    assert people["diag_script"].to_list() == VALUES[4:]
    assert all(re.fullmatch(r"\w+", c) for c in people.columns)
    assert opened.sql('SELECT * FROM subjects WHERE "group" = $g', {"g": VALUES[3]}).height == 1
    for table in opened.tables():
        opened.scan(table).collect()
    for view in ("catalogue", "gait_cycles", "trial_quality", "review_state"):
        opened.sql(f"SELECT * FROM {view} LIMIT 5")


def test_a_terminal_gets_no_control_characters(lake):
    for words in (
        ["subjects"],
        ["trials"],
        ["sql", "SELECT * FROM subjects"],
        ["sql", "SELECT '\x1b[2J\x9b' AS \"\x1b[1m\""],
        ["sql", "SELECT 'a\u2028b\u2029c\u2066d' AS \"e\u2028f\""],
    ):
        shown = run(*words, "--lake", lake)
        assert shown.returncode == 0
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", shown.stdout + shown.stderr)
    assert r"\x1b]0;pwned\x07\x1b[2J" in run("subjects", "--lake", lake).stdout
    shown = run("export", "\x1b[2J", "walk", "out.trc", "--lake", lake)
    assert shown.returncode == 2
    assert "\x1b" not in shown.stderr
    assert printable("Größe\t5 µm\n\u00a0نص") == "Größe\t5 µm\n\u00a0نص"


def test_what_is_written_stays_where_it_was_asked_for(lake, tmp_path):
    shown = run("sql", "SELECT * FROM subjects ORDER BY subject", "--output", tmp_path / "s.csv", "--lake", lake)
    assert shown.returncode == 0
    with (tmp_path / "s.csv").open(newline="") as file:
        assert [row["group"] for row in csv.DictReader(file)] == VALUES[:4]  # data as they are: docs/data-policy.md
    assert run("report", tmp_path / "r.html", "--lake", lake).returncode == 0
    page = (tmp_path / "r.html").read_text()
    assert "<script>alert(1)" not in page
    assert "alert(1)" in page
    for name in ("names", "c"):
        out = tmp_path / f"{name}.c3d"
        assert run("export", "S0" if name == "names" else "S1", name, out, "--lake", lake).returncode == 0
    assert run("export-lake", tmp_path / "plain", "--lake", lake).returncode == 0
    assert run("catalogue", tmp_path / "x.duckdb", "--lake", lake).returncode == 0
    assert run("erase", "S2", "--yes", "--lake", lake).returncode == 0
    assert verify(lake).is_clean
    around = {p.name for p in lake.parent.iterdir()} | {p.name for p in Path.cwd().iterdir()}
    assert not {"pwned", "x", "passwd", "etc"} & around
