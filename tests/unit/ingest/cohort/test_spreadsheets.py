"""Tables as people's spreadsheets write them: nothing is lost, what was judged is said, a cell is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurostore.ingest.cohort.scan import scan


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    return folder


def rows(cohort):
    return {s["subject"]: s for s in cohort.subjects}


TABLE = "participant_id;group;sex;age;height_m;mass_kg;score\nS01;patient;m;41,5;1,78;80,5;31,5\nS02;control;M;38;1,65;60;7\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("participants.csv", TABLE.encode()),
        ("participants.csv", b"\xef\xbb\xbf" + TABLE.encode()),
        ("participants.csv", TABLE.replace("control", "gesünd").encode("cp1252")),
        ("participants.csv", TABLE.encode("utf-16")),
        ("participants.csv", b"sep=;\r\n" + TABLE.replace("\n", "\r\n").encode()),
        ("participants.csv", TABLE.replace(",", ".").replace(";", ",").encode()),
        ("participants.csv", TABLE.replace(";", "\t").encode()),
        ("participants.tsv", TABLE.replace(";", "\t").encode()),
        ("participants.tsv", TABLE.replace(";", "\t").replace("participant_id", "Subject").encode()),
        ("participants.csv", TABLE.replace("\n", ";;\n").encode()),
    ],
)
def test_separators_encodings_and_decimal_commas(tmp_path, name, content):
    make(tmp_path, "S01/walk.bvh", "S02/walk.bvh")
    (tmp_path / name).write_bytes(content)
    cohort = scan(tmp_path)
    assert not cohort.refused
    assert not cohort.unknown
    first, second = rows(cohort)["S01"], rows(cohort)["S02"]
    assert (first["age"], first["height_m"], first["mass_kg"], first["score"]) == (41.5, 1.78, 80.5, 31.5)
    assert (second["age"], second["height_m"], second["score"]) == (38.0, 1.65, 7.0)
    assert first["sex"] == second["sex"] == "M"
    assert second["group"] in ("control", "gesünd")


def test_a_workbook(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    from datetime import datetime

    make(tmp_path, "S01/pre/walk.bvh", "S01/post/walk.bvh")
    for name, table in {
        "participants.xlsx": [["participant_id", "age", "affected_side"], ["S01", 41, "links"]],
        "sessions.xlsx": [
            ["subject", "session", "acq_time"],
            ["S01", "pre", datetime(2024, 5, 1, 9, 30)],
            ["S01", "post", datetime(2024, 8, 1)],
        ],
    }.items():
        book = openpyxl.Workbook()
        for row in table:
            book.active.append(row)
        book.save(tmp_path / name)
    cohort = scan(tmp_path)
    assert rows(cohort)["S01"]["age"] == 41.0
    assert rows(cohort)["S01"]["affected_side"] == "left"
    assert {t.session: t.metadata["acq_time"] for t in cohort.trials} == {
        "pre": "2024-05-01T09:30:00", "post": "2024-08-01T00:00:00"}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value", "height_m", "said"),
    [
        ("height_m", "1.78", 1.78, None),
        ("height_m", "178", 1.78, "178 says m, but was taken as centimetres by its size"),
        ("height_cm", "1.78", 1.78, "says cm, but was taken as metres"),
        ("height_cm", "178", 1.78, None),
        ("height", "1780", 1.78, "has no unit and was taken as millimetres"),
        ("height_m", "17.8", None, "17.8 is no height of a person in m; left empty"),
        ("height_m", "tall", None, "'tall' is not a number"),
    ],
)
def test_a_height_is_judged_by_its_size_and_said(tmp_path, column, value, height_m, said):
    make(tmp_path, "S01/walk.bvh")
    (tmp_path / "participants.tsv").write_text(f"participant_id\t{column}\nS01\t{value}\n")
    cohort = scan(tmp_path)
    found = rows(cohort)["S01"]["height_m"]
    assert found == (pytest.approx(height_m) if height_m else None)
    assert [w for w in cohort.warnings if said in w] if said else not cohort.warnings


def test_a_leg_length_without_unit_is_judged_and_said(tmp_path):
    make(tmp_path, "S01/walk.bvh", "S02/walk.bvh")
    (tmp_path / "participants.tsv").write_text("participant_id\tleg_length_left\nS01\t91\nS02\t0.88\n")
    cohort = scan(tmp_path)
    lengths = {s: [c.value for c in cohort.metadata.calibrations(s, "")] for s in ("S01", "S02")}
    assert lengths == {"S01": [910.0], "S02": [880.0]}
    assert any("'leg_length_left' has no unit; judging by its size it was read as cm" in w for w in cohort.warnings)


def test_a_pile_gets_subject_session_and_trial_from_the_row_that_names_the_file(tmp_path):
    make(tmp_path, "0001.bvh", "0002.bvh")
    (tmp_path / "trials.csv").write_text(
        "file,subject,session,trial,condition\n0001.bvh,S01,pre,walk_1,free\n0002.bvh,S01,post,walk_1,free\n"
    )
    cohort = scan(tmp_path)
    assert sorted(t.key for t in cohort.trials) == [("S01", "post", "walk_1"), ("S01", "pre", "walk_1")]
    assert {t.metadata["condition"] for t in cohort.trials} == {"free"}


def test_a_table_that_contradicts_a_folder_is_said_and_the_folder_holds(tmp_path):
    make(tmp_path, "S01/pre/walk.bvh")
    (tmp_path / "trials.tsv").write_text("file\tsubject\tsession\nS01/pre/walk.bvh\tS02\tpost\n")
    cohort = scan(tmp_path)
    assert [t.key for t in cohort.trials] == [("S01", "pre", "walk")]
    assert sum("the folder is used" in w for w in cohort.warnings) == 2


def test_session_order_of_cohort_toml(tmp_path):
    make(tmp_path, "S01/pre/walk.bvh", "S01/post/walk.bvh", "S01/follow/walk.bvh")
    (tmp_path / "cohort.toml").write_text('session_order = ["pre", "post", "late"]\n')
    cohort = scan(tmp_path)
    assert {t.session: t.metadata.get("session_order") for t in cohort.trials} == {"pre": 1, "post": 2, "follow": None}
    assert any("does not name follow" in w for w in cohort.warnings)
    assert any("names late, but no folder has that name" in w for w in cohort.warnings)


def test_an_affected_side_that_is_none_is_said(tmp_path):
    make(tmp_path, "S01/walk.bvh")
    (tmp_path / "participants.tsv").write_text("participant_id\taffected_side\nS01\tlinke Seite\n")
    cohort = scan(tmp_path)
    assert rows(cohort)["S01"]["affected_side"] is None
    assert any("expected left, right, both or none" in w for w in cohort.warnings)


def test_a_time_that_is_no_iso_date_is_said(tmp_path):
    make(tmp_path, "S01/pre/walk.bvh")
    (tmp_path / "sessions.tsv").write_text("subject\tsession\tacq_time\nS01\tpre\t01.05.2024\n")
    cohort = scan(tmp_path)
    assert cohort.trials[0].metadata["acq_time"] is None
    assert any("acq_time is '01.05.2024'; expected YYYY-MM-DD" in w for w in cohort.warnings)


@pytest.mark.parametrize("pasted", ["\u2028", "\u2029", "\u0085", "\v", "\f", "\x1c"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_row_ends_at_line_feeds_and_carriage_returns_alone(tmp_path, pasted, end):
    lines = ["participant_id\tdiagnosis\tgroup", f"S01\tstroke{pasted}left\tpatient", "S02\tnone\tcontrol"]
    (make(tmp_path, "S01/walk.bvh", "S02/walk.bvh") / "participants.tsv").write_bytes((end.join(lines) + end).encode())
    found = rows(scan(tmp_path))
    assert [found[s]["group"] for s in ("S01", "S02")] == ["patient", "control"]
    assert len(found) == 2
    assert found["S01"]["diagnosis"].replace(pasted, " ").split() == ["stroke", "left"]
